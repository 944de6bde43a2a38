// Any octets as a saved state, once as they are and once with a checksum that is right, so that
// what is behind it is met. What is believed fills a store, and what that holds is believed again.

#include "kube/saved_state.hpp"

#include "services/store.hpp"

#include <cstdlib>
#include <string>

using namespace nameplane;

namespace {

constexpr std::string_view fingerprint = "https://api.example:6443";

services::Contents filled(const kube::SavedState& state) {
    const SystemClock clock;
    services::Store store{
        services::StoreOptions{.keep_pods = true, .pod_details = true, .keep_imports = true},
        clock};
    std::uint64_t said = 0;
    state.replay([&](services::Event event) {
        const bool bound = std::holds_alternative<services::BeginList>(event) ||
                           std::holds_alternative<services::EndList>(event);
        said += bound ? 0U : 1U;
        if (!store.apply(std::move(event))) std::abort();
    });
    if (said != state.objects()) std::abort();
    static_cast<void>(store.snapshot());
    return store.contents();
}

void run(std::string octets) {
    const auto state = kube::SavedState::check(std::move(octets), fingerprint);
    if (!state) {
        if (state.error().text.empty()) std::abort();
        return;
    }
    const services::Contents contents = filled(*state);
    auto again = kube::saved_octets({std::string{fingerprint}, state->contact()}, contents);
    if (!again) std::abort();
    const auto same = kube::SavedState::check(std::move(again).value(), fingerprint);
    if (!same || same->contact() != state->contact()) std::abort();
    if (filled(*same).slices.size() != contents.slices.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view octets{reinterpret_cast<const char*>(data), size};
    constexpr std::size_t checksum_octets = 32;
    run(std::string{octets});
    run(kube::with_checksum(octets.substr(0, size - std::min(size, checksum_octets))));
    return 0;
}
