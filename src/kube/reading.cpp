// read_manifests: everything once, without watching.
#include "kube/files.hpp"
#include "kube/folder.hpp"
#include "kube/manifests.hpp"
#include "kube/state_file.hpp"

namespace nameplane::kube {

Result<ManifestReading> read_manifests(const ManifestOptions& options) {
    auto listing = list_manifests(options.path, [](const std::string&) {});
    if (!listing) return std::move(listing).error();
    ManifestReading reading;
    reading.problems = std::move(listing->problems);
    Memory memory;
    if (!options.state_file.empty()) {
        auto loaded = load_memory(options.state_file);
        if (loaded)
            memory = std::move(*loaded);
        else
            reading.problems.push_back(options.state_file + ":1: " + loaded.error().text +
                                       ", expected what the agent wrote; ignored");
    }
    Completer completer{{options.service_cidrs, options.node_ports}, std::move(memory)};
    Files files{completer};
    for (const FileEntry& file : listing->files) {
        files.read(file.path);
        files.apply();
    }
    Completer::Outcome outcome = completer.settle(true);
    reading.events = std::move(outcome.events);
    for (const auto& more : {files.problems(), std::move(outcome.problems)})
        reading.problems.insert(reading.problems.end(), more.begin(), more.end());
    for (const Choice& choice : outcome.choices) reading.choices.push_back(choice.text());
    return reading;
}

}  // namespace nameplane::kube
