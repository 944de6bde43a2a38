#pragma once
// Plugins and a registry for the tests of chains: what they do is set from outside, and what was
// called is written into a list.

#include <nameplane/plugin.hpp>

#include <string>
#include <vector>

namespace nameplane::test {

/// What the plugins of a test do and have done. A test empties it first.
struct Script {
    std::vector<std::string> calls;
    static Script& current();
};

/// Steps of one plugin: the n-th call of ask(), tell() or woken() gives the n-th step, the last one
/// for ever.
struct Steps {
    std::vector<Step> ask{Step::next};
    std::vector<Step> tell{Step::done};
    std::vector<Step> woken{Step::done};
    bool takes_unusual = false;
};

/// A plugin that follows `steps` and answers NOERROR whenever it says done. It expects the Service
/// with the hash `expected`, whatever the name.
PluginPtr scripted(std::string name, Steps steps, std::uint64_t expected = 0);

}  // namespace nameplane::test
