#include "plugins/forward/channel.hpp"

#include <cerrno>
#include <utility>

namespace nameplane::plugins::forwarding {

namespace {

constexpr int batches_in_a_row_max = 2;

}  // namespace

UdpChannel::UdpChannel(ChannelUser& user, std::uint32_t number, Time now, net::Loop& loop,
                       UniqueFd fd, Outbox& outbox, Inbox& inbox)
    : Channel{user, number, now}, fd_{std::move(fd)}, outbox_{&outbox}, inbox_{&inbox},
      watch_{loop.watch(fd_.get(), [this](bool, bool) { ready(); })} {
    watch_->start(true, false);
}

UdpChannel::~UdpChannel() {
    outbox_->forget(*this);
}

bool UdpChannel::send(std::span<const std::uint8_t> message) noexcept {
    outbox_->put(*this, message);
    return true;
}

void UdpChannel::ready() noexcept {
    for (int batch = 0; batch < batches_in_a_row_max; ++batch) {
        const int got = inbox_->receive(fd_.get());
        if (got < 0) return tell_broken(errno);
        for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
            tell(inbox_->message(i));
            if (is_broken()) return;
        }
        if (static_cast<std::size_t>(got) < Inbox::batch_max) return;
    }
}

}  // namespace nameplane::plugins::forwarding
