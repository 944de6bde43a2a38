#pragma once
// FakeApiServer: an API server with objects of one kind, their history and every bad habit: answers
// cut anywhere, connections that break, versions that are forgotten, pages that expire, old lists.

#include "fake_api.hpp"

#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::tests {

/// Objects are Services of the namespace "ns"; what they say is their cluster IP and a note that
/// nobody reads.
class FakeApiServer {
public:
    struct Object {
        std::string cluster_ip;
        std::string note;
        std::size_t version = 0;
    };
    using Objects = std::map<std::string, Object>;

    FakeApiServer(FakeApi& api, std::mt19937& random) : api_{api}, random_{random} {}

    bool knows_streams = true;
    bool misbehaves = true;

    const Objects& objects() const { return objects_; }
    void put(const std::string& name, std::string cluster_ip, std::string note) {
        const bool known = objects_.contains(name);
        Object& object = objects_[name];
        object = {std::move(cluster_ip), std::move(note), ++version_};
        note_change(known ? "MODIFIED" : "ADDED", name, object);
    }
    void remove(const std::string& name) {
        const auto at = objects_.find(name);
        if (at == objects_.end()) return;
        Object last = at->second;
        last.version = ++version_;
        objects_.erase(at);
        note_change("DELETED", name, last);
    }
    /// Forgets everything but now.
    void compact() { oldest_ = version_; }
    /// Whether all that happened has been sent to a watch.
    bool all_sent() const {
        if (api_.calls().size() != 1) return false;
        const auto at = answers_.find(api_.calls()[0].get());
        return at != answers_.end() && at->second.watches && at->second.at == version_ &&
               at->second.pending.empty();
    }

    /// Does something with one of the calls under way.
    void step() {
        if (api_.calls().empty()) return;
        const auto call = api_.calls()[below(api_.calls().size())];
        if (!answers_.contains(call.get())) return answer(call);
        Answer& under_way = answers_.at(call.get());
        if (under_way.watches) collect(under_way);
        if (misbehaves && chance(40)) return break_off(call);
        if (!under_way.pending.empty()) return send(call, under_way);
        const bool over = !under_way.watches || (misbehaves && chance(30));
        if (over) finish(call);
    }

private:
    struct Change {
        std::size_t version = 0;
        std::string text;
    };
    struct Answer {
        std::string pending;
        bool watches = false;
        std::size_t at = 0;                   ///< of a watch: what has gone into `pending`
        std::shared_ptr<FakeApi::Call> call;  ///< so that no other gets its address
    };

    std::size_t below(std::size_t end) { return random_() % end; }
    bool chance(std::size_t one_in) { return below(one_in) == 0; }

    static std::string text_of(const std::string& name, const Object& object) {
        return R"({"kind":"Service","apiVersion":"v1","metadata":{"name":")" + name +
               R"(","namespace":"ns","resourceVersion":")" + std::to_string(object.version) +
               R"(","annotations":{"note":")" + object.note + R"("}},"spec":{"clusterIP":")" +
               object.cluster_ip + R"(","ports":[{"port":80}]}})";
    }
    static std::string event(std::string_view type, const std::string& object) {
        return R"({"type":")" + std::string{type} + R"(","object":)" + object + "}\n";
    }
    static std::string bookmark(std::size_t version, bool end_of_list) {
        const std::string_view end =
            end_of_list ? R"(,"annotations":{"k8s.io/initial-events-end":"true"})" : "";
        return event("BOOKMARK", R"({"kind":"Service","metadata":{"resourceVersion":")" +
                                     std::to_string(version) + "\"" + std::string{end} + "}}");
    }
    static std::string expired_event() {
        return event("ERROR", R"({"kind":"Status","code":410,"message":"too old"})");
    }
    void note_change(std::string_view type, const std::string& name, const Object& object) {
        changes_.push_back({version_, event(type, text_of(name, object))});
        old_.emplace(version_, objects_);
    }
    static std::string parameter(const FakeApi::Call& call, const std::string& name) {
        const std::string& target = call.request.target;
        const std::size_t at = target.find(name + "=");
        if (at == std::string::npos) return {};
        const std::size_t begin = at + name.size() + 1;
        return target.substr(begin, target.find('&', begin) - begin);
    }

    void answer(const std::shared_ptr<FakeApi::Call>& call) {
        if (misbehaves && chance(8)) {
            constexpr int statuses[] = {0, 401, 403, 429, 500, 503};
            return api_.fail(call, statuses[below(6)]);
        }
        if (call->streams()) return begin_stream(call);
        if (call->watches()) return begin_watch(call);
        list(call);
    }
    void begin(const std::shared_ptr<FakeApi::Call>& call, Answer answer) {
        answer.call = call;
        answers_[call.get()] = std::move(answer);
        api_.begin(call);
    }
    void begin_stream(const std::shared_ptr<FakeApi::Call>& call) {
        if (!knows_streams) return api_.fail(call, 422);
        Answer answer{.watches = true, .at = version_};
        for (const auto& [name, object] : objects_)
            answer.pending += event("ADDED", text_of(name, object));
        answer.pending += bookmark(version_, true);
        begin(call, std::move(answer));
    }
    void begin_watch(const std::shared_ptr<FakeApi::Call>& call) {
        const std::size_t from = std::stoul(parameter(*call, "resourceVersion"));
        if (from >= oldest_) return begin(call, {.watches = true, .at = from});
        if (chance(2)) return api_.fail(call, 410);
        begin(call, {.pending = expired_event(), .watches = true, .at = version_});
    }
    void list(const std::shared_ptr<FakeApi::Call>& call) {
        std::size_t version = version_;
        std::string after;
        if (parameter(*call, "resourceVersion") == "0" && version_ > oldest_)
            version = oldest_ + below(version_ - oldest_ + 1);
        if (const std::string token = parameter(*call, "continue"); !token.empty()) {
            const std::size_t dash = token.find('-');
            version = std::stoul(token.substr(0, dash));
            after = token.substr(dash + 1);
            if (version < oldest_) return api_.fail(call, 410);
        }
        begin(call, {.pending = list_text(version, after, call->has("limit="))});
    }
    std::string list_text(std::size_t version, const std::string& after, bool limited) {
        constexpr std::size_t page_size = 4;
        const Objects objects = version == version_ ? objects_ : old_[version];
        std::string items;
        std::string token;
        std::size_t count = 0;
        for (auto at = objects.upper_bound(after); at != objects.end(); ++at) {
            if (limited && count == page_size) break;
            items += (items.empty() ? "" : ",") + text_of(at->first, at->second);
            token = at->first;
            ++count;
        }
        const bool more = !token.empty() && objects.upper_bound(token) != objects.end();
        const std::string metadata =
            R"("metadata":{"resourceVersion":")" + std::to_string(version) + "\"" +
            (more ? R"(,"continue":")" + std::to_string(version) + "-" + token + "\"" : "") + "}";
        const std::string all = R"("items":[)" + items + "]";
        return "{" + (chance(2) ? metadata + "," + all : all + "," + metadata) + "}\n";
    }
    void collect(Answer& answer) {
        for (const Change& change : changes_) {
            if (change.version <= answer.at) continue;
            answer.pending += change.text;
            answer.at = change.version;
        }
        if (chance(10)) answer.pending += bookmark(answer.at, false);
    }
    void send(const std::shared_ptr<FakeApi::Call>& call, Answer& answer) {
        const std::size_t size = 1 + below(std::min<std::size_t>(answer.pending.size(), 600));
        const std::string part = answer.pending.substr(0, size);
        answer.pending.erase(0, size);
        api_.body(call, part);
        forget_closed();
    }
    void break_off(const std::shared_ptr<FakeApi::Call>& call) {
        switch (below(5)) {
        case 0: api_.body(call, "\n{garbage"); break;
        case 1: api_.body(call, expired_event()); break;
        case 2: api_.end(call); break;
        default: api_.cut(call); break;
        }
        forget_closed();
    }
    void finish(const std::shared_ptr<FakeApi::Call>& call) {
        api_.end(call);
        forget_closed();
    }
    void forget_closed() {
        std::erase_if(answers_, [&](const auto& entry) { return !api_.open(entry.second.call); });
    }

    FakeApi& api_;
    std::mt19937& random_;
    Objects objects_;
    std::size_t version_ = 1;
    std::size_t oldest_ = 1;
    std::vector<Change> changes_;
    std::map<std::size_t, Objects> old_{{1, {}}};
    std::map<const FakeApi::Call*, Answer> answers_;
};

}  // namespace nameplane::tests
