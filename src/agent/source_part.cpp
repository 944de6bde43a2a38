#include "agent/source_part.hpp"

#include "agent/settings.hpp"
#include "kube/manifests.hpp"

#include <atomic>
#include <utility>

namespace nameplane::agent {

namespace {

/// Manifests are whole once they have been read.
class ManifestPart final : public SourcePart {
public:
    explicit ManifestPart(SourceSetup setup)
        : settled_{std::move(setup.settled)}, source_{manifest_options(setup.config.start.services),
                                                      setup.loop, setup.metrics,
                                                      std::move(setup.sink), [this] {
                                                          listed_ = true;
                                                          settled_();
                                                      }} {}

    Status start() override { return source_.start(); }
    bool listed() const override { return listed_; }
    Readiness readiness(bool rules_in, bool was_ready) const override {
        Readiness all;
        if (was_ready) return all;
        if (!listed_) all.not_ready.emplace_back("services");
        if (!rules_in) all.not_ready.emplace_back("rules");
        return all;
    }

private:
    std::function<void()> settled_;
    std::atomic<bool> listed_{false};
    kube::ManifestSource source_;
};

/// Nobody asks for objects: there are none, at once.
class NoSource final : public SourcePart {
public:
    explicit NoSource(SourceSetup setup) : settled_{std::move(setup.settled)} {}

    Status start() override {
        settled_();
        return {};
    }
    bool listed() const override { return true; }
    Readiness readiness(bool, bool) const override { return {}; }

private:
    std::function<void()> settled_;
};

}  // namespace

std::unique_ptr<SourcePart> make_manifest_source(SourceSetup setup) {
    return std::make_unique<ManifestPart>(std::move(setup));
}

Result<std::unique_ptr<SourcePart>> make_source(SourceSetup setup) {
    if (source_of(setup.config.start) == Source::manifests) {
        return make_manifest_source(std::move(setup));
    }
    if (!needs_services(setup.config)) {
        return std::unique_ptr<SourcePart>{std::make_unique<NoSource>(std::move(setup))};
    }
    return make_api_source(std::move(setup));
}

}  // namespace nameplane::agent
