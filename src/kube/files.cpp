#include "kube/files.hpp"

#include "kube/decode.hpp"
#include "kube/folder.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace nameplane::kube {
namespace {

struct File {
    std::string path;
    /// Objects it claims, good ones and those whose last good state stays, and their lines.
    std::map<ObjectId, std::uint32_t> objects;
    std::vector<std::string> problems;
    std::size_t content_hash = 0;
    bool read = false;        ///< content_hash counts
    bool unreadable = false;  ///< as a whole
};

/// The files that claim one object, by path; and whose version is with the completer.
struct Claims {
    std::vector<File*> files;
    const File* applied = nullptr;
};

using Sources = std::map<ObjectId, Source>;

}  // namespace

struct Files::State {
    Completer* completer;
    std::map<std::string, std::unique_ptr<File>> files;
    std::map<ObjectId, Claims> claims;
    std::set<ObjectId> doubled;
    std::set<ObjectId> affected;
    std::map<const File*, Sources> fresh;

    void claim(File& file, const ObjectId& id);
    void disclaim(File& file, const ObjectId& id);
    void take(File& file, Decoded decoded);
    void apply_one(const ObjectId& id);
    bool supply(const ObjectId& id, Claims& claims);
};

void Files::State::claim(File& file, const ObjectId& id) {
    auto& list = claims[id].files;
    const auto at = std::ranges::lower_bound(
        list, file.path, {}, [](const File* each) -> const std::string& { return each->path; });
    if (at == list.end() || *at != &file) list.insert(at, &file);
    if (list.size() > 1) doubled.insert(id);
    affected.insert(id);
}

void Files::State::disclaim(File& file, const ObjectId& id) {
    const auto found = claims.find(id);
    if (found == claims.end()) return;
    std::erase(found->second.files, &file);
    if (found->second.applied == &file) found->second.applied = nullptr;
    if (found->second.files.size() < 2) doubled.erase(id);
    affected.insert(id);
}

/// Compares what the file says with what it claimed.
void Files::State::take(File& file, Decoded decoded) {
    std::map<ObjectId, std::uint32_t> objects;
    Sources& sources = fresh[&file];
    sources.clear();
    for (std::size_t i = 0; i < decoded.objects.size(); ++i) {
        const ObjectId id = id_of(decoded.objects[i]);
        const auto [at, first] = objects.try_emplace(id, decoded.lines[i]);
        if (first) {
            sources.emplace(id, std::move(decoded.objects[i]));
            continue;
        }
        decoded.problems.push_back(file.path + ':' + std::to_string(decoded.lines[i]) + ": " +
                                   to_string(id) + " stands in line " + std::to_string(at->second) +
                                   " already, expected it once");
    }
    const auto retain = [&](const ObjectId& id) {
        if (const auto old = file.objects.find(id); old != file.objects.end()) objects.insert(*old);
    };
    for (const ObjectId& id : decoded.broken) retain(id);
    if (decoded.unknown_broken)
        for (const auto& [id, line] : file.objects) retain(id);

    for (const auto& [id, line] : file.objects)
        if (!objects.contains(id)) disclaim(file, id);
    for (const auto& [id, line] : objects)
        if (!file.objects.contains(id)) claim(file, id);
    for (const auto& [id, source] : sources) affected.insert(id);
    file.objects = std::move(objects);
    file.problems = std::move(decoded.problems);
}

/// Gives the completer the first claimant's version. False if that file has none after all.
bool Files::State::supply(const ObjectId& id, Claims& each) {
    File& owner = *each.files.front();
    auto batch = fresh.find(&owner);
    if (batch == fresh.end() && each.applied != &owner) {
        // It stood behind another file until now, so its objects are not at hand.
        Sources& sources = fresh[&owner];
        if (const auto text = read_file(owner.path)) {
            Decoded decoded = decode_text(*text, owner.path, is_json_name(owner.path));
            for (Source& source : decoded.objects) {
                ObjectId found = id_of(source);
                sources.try_emplace(std::move(found), std::move(source));
            }
        }
        batch = fresh.find(&owner);
    }
    if (batch != fresh.end()) {
        if (const auto found = batch->second.find(id); found != batch->second.end()) {
            completer->put(std::move(found->second));
            batch->second.erase(found);
            each.applied = &owner;
        }
    }
    return each.applied == &owner;
}

void Files::State::apply_one(const ObjectId& id) {
    Claims& each = claims[id];
    while (!each.files.empty()) {
        if (supply(id, each)) return;
        File& owner = *each.files.front();
        owner.objects.erase(id);
        disclaim(owner, id);
    }
    completer->remove(id);
    claims.erase(id);
}

Files::Files(Completer& completer) : state_{std::make_unique<State>()} {
    state_->completer = &completer;
}
Files::~Files() = default;

void Files::read(const std::string& path) {
    auto text = read_file(path);
    if (!text && text.error().code == Errc::not_found) return forget(path);
    auto& slot = state_->files[path];
    if (!slot) slot = std::make_unique<File>(File{.path = path});
    File& file = *slot;
    if (!text) {
        file.unreadable = true;
        file.read = false;
        file.problems = {path + ":1: " + text.error().text + ", expected a readable file"};
        return;
    }
    const std::size_t hash = std::hash<std::string_view>{}(*text);
    if (file.read && file.content_hash == hash) return;
    file.read = true;
    file.unreadable = false;
    file.content_hash = hash;
    state_->take(file, decode_text(*text, path, is_json_name(path)));
}

void Files::forget(const std::string& path) {
    const auto found = state_->files.find(path);
    if (found == state_->files.end()) return;
    File& file = *found->second;
    for (const auto& [id, line] : file.objects) state_->disclaim(file, id);
    state_->fresh.erase(&file);
    state_->files.erase(found);
}

bool Files::unreadable(const std::string& path) const {
    const auto found = state_->files.find(path);
    return found != state_->files.end() && found->second->unreadable;
}

std::vector<std::string> Files::paths() const {
    std::vector<std::string> paths;
    for (const auto& [path, file] : state_->files) paths.push_back(path);
    return paths;
}

void Files::apply() {
    while (!state_->affected.empty())
        for (const ObjectId& id : std::exchange(state_->affected, {})) state_->apply_one(id);
    state_->fresh.clear();
}

bool Files::any_broken() const {
    return std::ranges::any_of(state_->files,
                               [](const auto& each) { return !each.second->problems.empty(); });
}

std::vector<std::string> Files::problems() const {
    std::vector<std::string> problems;
    for (const auto& [path, file] : state_->files)
        problems.insert(problems.end(), file->problems.begin(), file->problems.end());
    for (const ObjectId& id : state_->doubled) {
        const Claims& each = state_->claims.at(id);
        for (std::size_t i = 1; i < each.files.size(); ++i) {
            const File& other = *each.files[i];
            problems.push_back(other.path + ':' + std::to_string(other.objects.at(id)) + ": " +
                               to_string(id) + " stands in " + each.files[0]->path +
                               " already, expected it in one file");
        }
    }
    return problems;
}

std::size_t Files::object_count() const noexcept {
    return state_->claims.size();
}

}  // namespace nameplane::kube
