#include "fakes.hpp"

#include "chain/registry.hpp"

#include <algorithm>
#include <array>

namespace nameplane::test {

Script& Script::current() {
    static Script script;
    return script;
}

namespace {

class Scripted : public Plugin {
public:
    Scripted(std::string name, Steps steps, std::uint64_t expected = 0)
        : name_{std::move(name)}, steps_{std::move(steps)}, expected_{expected} {}

    Step ask(Query& query, Reply& reply) const noexcept override {
        Script::current().calls.push_back("ask " + name_ + " " + query.name().to_string());
        const Step step = steps_.ask[std::min(asked_++, steps_.ask.size() - 1)];
        if (step == Step::done) answer(query, reply);
        return step;
    }
    Step woken(Query& query, Reply& reply) const noexcept override {
        Script::current().calls.push_back("woken " + name_);
        const Step step = steps_.woken[std::min(woken_++, steps_.woken.size() - 1)];
        if (step == Step::done) answer(query, reply);
        return step;
    }
    Step tell(Query& query, Reply& reply) const noexcept override {
        Script::current().calls.push_back("tell " + name_ + " " + dns::to_string(reply.rcode));
        const Step step = steps_.tell[std::min(told_++, steps_.tell.size() - 1)];
        if (step == Step::again) {
            static const dns::Name other = *dns::Name::parse("other.example.");
            query.ask_instead(other, query.type());
        }
        return step;
    }
    std::uint64_t expects(dns::NameView) const noexcept override { return expected_; }
    bool takes_unusual() const noexcept override { return steps_.takes_unusual; }

private:
    static void answer(Query& query, Reply& reply) {
        reply.rcode = dns::Rcode::no_error;
        reply.answer(query.name(), 5, IpAddress::v4(192, 0, 2, 1));
    }

    std::string name_;
    Steps steps_;
    std::uint64_t expected_;
    mutable std::size_t asked_ = 0;
    mutable std::size_t told_ = 0;
    mutable std::size_t woken_ = 0;
};

// The registry of these tests, in the order of the chain.
constexpr std::array unready_options{
    Option{"fail", Flag{}, "make() fails"},
};

class Unready final : public Scripted {
public:
    using Scripted::Scripted;
    // Ready when it is asked for the second time, and only then.
    bool ready() const noexcept override { return ++asked_ == 2; }

private:
    mutable int asked_ = 0;
};

Result<PluginPtr> make_unready(const Options& given, Setup& setup) {
    if (given.flag("fail")) return Error{Errc::invalid, "told to fail"};
    std::string name = "unready of";
    for (const dns::Name& zone : setup.zones) name += " " + zone.to_string();
    return PluginPtr{new Unready{name, {}}};
}

Result<PluginPtr> make_answering(const Options&, Setup& setup) {
    return scripted("answering " + setup.zones.front().to_string(), {.ask = {Step::done}});
}

class AllClasses final : public Scripted {
public:
    using Scripted::Scripted;
    bool takes_all_classes() const noexcept override { return true; }
};

Result<PluginPtr> make_all_classes(const Options&, Setup&) {
    return PluginPtr{new AllClasses{"all classes", {.ask = {Step::done}}}};
}

constexpr std::array kinds{
    chain::PluginKind{"unready", unready_options, &make_unready},
    chain::PluginKind{"answering", {}, &make_answering},
    chain::PluginKind{"classes", {}, &make_all_classes},
};

}  // namespace

PluginPtr scripted(std::string name, Steps steps, std::uint64_t expected) {
    return PluginPtr{new Scripted{std::move(name), std::move(steps), expected}};
}

}  // namespace nameplane::test

namespace nameplane::chain {
std::span<const PluginKind> plugin_kinds() noexcept {
    return test::kinds;
}
}  // namespace nameplane::chain
