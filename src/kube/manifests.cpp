#include "kube/manifests.hpp"

#include "base/file.hpp"
#include "kube/files.hpp"
#include "kube/folder.hpp"
#include "kube/folder_watch.hpp"
#include "kube/state_file.hpp"
#include <nameplane/base/log.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace nameplane::kube {
namespace {

using services::Event;
using services::Kind;

std::optional<Kind> kind_of(const Event& event) {
    struct Visit {
        std::optional<Kind> operator()(const services::BeginList&) const { return std::nullopt; }
        std::optional<Kind> operator()(const services::EndList&) const { return std::nullopt; }
        std::optional<Kind> operator()(const services::Remove&) const { return std::nullopt; }
        std::optional<Kind> operator()(const services::Keep&) const { return std::nullopt; }
        std::optional<Kind> operator()(const services::Service&) const { return Kind::service; }
        std::optional<Kind> operator()(const services::EndpointSlice&) const {
            return Kind::endpoint_slice;
        }
        std::optional<Kind> operator()(const services::Pod&) const { return Kind::pod; }
        std::optional<Kind> operator()(const services::Node&) const { return Kind::node; }
        std::optional<Kind> operator()(const services::Namespace&) const {
            return Kind::namespace_;
        }
        std::optional<Kind> operator()(const services::ServiceImport&) const {
            return Kind::service_import;
        }
        std::optional<Kind> operator()(const services::ServiceCidr&) const {
            return Kind::service_cidr;
        }
    };
    return std::visit(Visit{}, event);
}

/// "a/b/" to "a/b"; "/" and "" stay.
std::string without_slash(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
}

/// The folder around `path`, and its name in there.
std::pair<std::string, std::string> split(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return {".", path};
    return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

Memory remembered(const std::string& path) {
    if (path.empty()) return {};
    auto memory = load_memory(path);
    if (memory) return std::move(*memory);
    NP_LOG_WARNING("manifests.state_ignored", "file", path, "reason", memory.error());
    return {};
}

}  // namespace

struct ManifestSource::State {
    State(ManifestOptions given, net::Loop& its_loop, metrics::Registry& metrics, Sink its_sink,
          std::function<void()> its_settled)
        : options{std::move(given)}, loop{its_loop},
          errors{metrics.gauge("nameplane_manifest_errors",
                               "Problems in the manifests: broken documents and conflicts.")},
          sink{std::move(its_sink)}, settled{std::move(its_settled)} {
        options.path = without_slash(std::move(options.path));
    }

    ManifestOptions options;
    net::Loop& loop;
    metrics::Gauge& errors;
    Sink sink;
    std::function<void()> settled;
    std::unique_ptr<Completer> completer;
    std::unique_ptr<Files> files;
    std::map<std::string, Signature> known;
    std::vector<std::string> listing_problems;
    std::set<std::string> problems;
    Memory written;
    std::optional<FolderWatch> watch;
    std::unique_ptr<net::FdWatch> ready;  // goes before the descriptor in `watch`

    Status start();
    Result<Listing> list();
    void watch_above();
    void watch_or_say(const std::string& folder, FolderWatch::Role role,
                      std::string_view name = {});
    void look_again(bool read_all);
    void on_events();
    void tell_problems(std::vector<std::string> now);
    void save();
    void emit_lists(std::vector<Event> events);
    void finish(Completer::Outcome outcome);
};

void ManifestSource::State::watch_or_say(const std::string& folder, FolderWatch::Role role,
                                         std::string_view name) {
    if (const Status status = watch->add(folder, role, name); !status)
        listing_problems.push_back(folder + ":1: " + status.error().text +
                                   ", expected to see its changes");
}

/// The path itself may go and come again: watch its name in the folder around it, or as far up the
/// way as there is one.
void ManifestSource::State::watch_above() {
    std::string path = options.path;
    while (true) {
        const auto [folder, name] = split(path);
        if (watch->add(folder, FolderWatch::Role::above, name)) return;
        if (folder == path || folder == "." || folder == "/") return;
        path = folder;
    }
}

/// Sets the watches anew, each before its folder is read, so that nothing slips between.
Result<Listing> ManifestSource::State::list() {
    listing_problems.clear();
    watch->begin();
    watch_above();
    auto listing = list_manifests(options.path, [this](const std::string& folder) {
        watch_or_say(folder, FolderWatch::Role::tree);
    });
    if (listing) {
        for (const std::string& folder : listing->foreign)
            watch_or_say(folder, FolderWatch::Role::foreign);
        listing_problems.insert(listing_problems.end(), listing->problems.begin(),
                                listing->problems.end());
    }
    watch->end();
    return listing;
}

Status ManifestSource::State::start() {
    auto made = FolderWatch::make();
    if (!made) return std::move(made).error();
    watch.emplace(std::move(*made));
    auto listing = list();
    if (!listing) return std::move(listing).error();
    written = remembered(options.state_file);
    completer = std::make_unique<Completer>(
        AllocateOptions{options.service_cidrs, options.node_ports}, written);
    files = std::make_unique<Files>(*completer);
    for (const FileEntry& file : listing->files) {
        known[file.path] = file.signature;
        files->read(file.path);
        files->apply();
    }
    NP_LOG_INFO("manifests.read", "path", options.path, "files", listing->files.size(), "objects",
                files->object_count());
    Completer::Outcome outcome = completer->settle(!files->any_broken());
    emit_lists(std::exchange(outcome.events, {}));
    finish(std::move(outcome));
    ready = loop.watch(watch->fd(), [this](bool, bool) { on_events(); });
    ready->start(true, false);
    return {};
}

/// At the start there is nothing to remove, so the events are the lists.
void ManifestSource::State::emit_lists(std::vector<Event> events) {
    constexpr std::array kinds{Kind::namespace_,  Kind::node,           Kind::pod,
                               Kind::service,     Kind::endpoint_slice, Kind::service_import,
                               Kind::service_cidr};
    for (const Kind kind : kinds) {
        sink(services::BeginList{kind});
        for (Event& event : events)
            if (kind_of(event) == kind) sink(std::move(event));
        sink(services::EndList{kind});
    }
    settled();
}

void ManifestSource::State::look_again(bool read_all) {
    const auto listing = list();
    std::map<std::string, Signature> now;
    if (listing)
        for (const FileEntry& file : listing->files) now[file.path] = file.signature;
    // A path that is there but cannot be read keeps its last good state.
    const bool gone = !listing && listing.error().code == Errc::not_found;
    if (!listing && !gone) {
        listing_problems.push_back(options.path + ":1: " + listing.error().text +
                                   ", expected manifests");
        return;
    }
    const auto below = [&](const std::string& path) {
        return listing && std::ranges::any_of(listing->unreadable, [&](const std::string& folder) {
                   return path.starts_with(folder);
               });
    };
    for (const auto& [path, signature] : known) {
        if (now.contains(path)) continue;
        if (below(path))
            now.emplace(path, Signature{});
        else
            files->forget(path);
    }
    for (const auto& [path, signature] : now) {
        const auto before = known.find(path);
        if (read_all || before == known.end() || before->second != signature) files->read(path);
    }
    known = std::move(now);
}

void ManifestSource::State::on_events() {
    const FolderWatch::Changes changes = watch->drain();
    if (changes.files.empty() && changes.touched.empty() && !changes.look_again &&
        !changes.overflow)
        return;
    if (changes.overflow) NP_LOG_WARNING("manifests.overflow", "path", options.path);
    if (changes.look_again || changes.overflow) look_again(changes.overflow);
    if (changes.path_itself && known.contains(options.path)) files->read(options.path);
    for (const std::string& path : changes.files) files->read(path);
    for (const std::string& path : changes.touched)
        if (files->unreadable(path)) files->read(path);
    files->apply();
    Completer::Outcome outcome = completer->settle(!files->any_broken());
    const bool any = !outcome.events.empty();
    for (Event& event : outcome.events) sink(std::move(event));
    if (any) settled();
    finish(std::move(outcome));
}

void ManifestSource::State::finish(Completer::Outcome outcome) {
    for (const Choice& choice : outcome.choices)
        NP_LOG_INFO("manifests.choice", "object", choice.object, "chosen", choice.chosen);
    std::vector<std::string> all = listing_problems;
    for (const auto& more : {files->problems(), std::move(outcome.problems)})
        all.insert(all.end(), more.begin(), more.end());
    tell_problems(std::move(all));
    save();
}

/// Each problem is said once when it comes, and taken back when it is gone.
void ManifestSource::State::tell_problems(std::vector<std::string> now) {
    std::set<std::string> fresh{now.begin(), now.end()};
    for (const std::string& problem : fresh)
        if (!problems.contains(problem)) NP_LOG_ERROR("manifests.broken", "problem", problem);
    for (const std::string& problem : problems)
        if (!fresh.contains(problem)) NP_LOG_INFO("manifests.mended", "problem", problem);
    problems = std::move(fresh);
    errors.set(static_cast<double>(problems.size()));
}

void ManifestSource::State::save() {
    if (options.state_file.empty() || completer->memory() == written) return;
    const Status status = write_file_atomically(options.state_file, to_text(completer->memory()));
    if (status)
        written = completer->memory();
    else
        NP_LOG_WARNING("manifests.state_unwritten", "file", options.state_file, "reason",
                       status.error());
}

ManifestSource::ManifestSource(ManifestOptions options, net::Loop& loop, metrics::Registry& metrics,
                               Sink sink, std::function<void()> settled)
    : state_{std::make_unique<State>(std::move(options), loop, metrics, std::move(sink),
                                     std::move(settled))} {}
ManifestSource::~ManifestSource() = default;

Status ManifestSource::start() {
    return state_->start();
}

}  // namespace nameplane::kube
