#include "plugins/secondary/catalog.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace nameplane::plugins::secondary {

namespace {

Error wrong(std::string text) {
    return {Errc::invalid, std::move(text)};
}

/// A label with odd octets escaped, as in the text of a name.
std::string text_of_label(std::string_view label) {
    std::string wire{static_cast<char>(label.size())};
    wire.append(label).push_back('\0');
    const auto* const octets = reinterpret_cast<const std::uint8_t*>(wire.data());
    std::string text = dns::NameView::trusted(octets, wire.size()).to_string();
    text.pop_back();
    return text;
}

/// The strings of a TXT record as one; nothing if they do not fill it.
std::optional<std::string> joined_text(dns::RawData data) {
    std::string text;
    while (!data.empty()) {
        const std::size_t size = data[0];
        if (data.size() <= size) return std::nullopt;
        text.append(reinterpret_cast<const char*>(data.data()) + 1, size);
        data = data.subspan(1 + size);
    }
    return text;
}

/// What the zone says of one member, before it is known to be right.
struct Draft {
    std::vector<dns::Name> zones;
    std::vector<dns::Name> coos;
    std::vector<std::string> groups;
};

class CatalogReader {
public:
    explicit CatalogReader(const zone::Zone& zone) : zone_{zone}, origin_{zone.origin()} {}

    Result<Catalog> read() {
        for (std::size_t i = 0; i + 1 < zone_.transfer_size(); ++i) {
            if (Status taken = take(zone_.transfer_record(i)); !taken) return taken.error();
            if (drafts_.size() > catalog_members_max) {
                return wrong("more than " + std::to_string(catalog_members_max) + " members");
            }
        }
        if (Status checked = check_itself(); !checked) return checked.error();
        return members();
    }

private:
    Status take(const dns::Record& record) {
        if (!record.owner.is_under(origin_)) return {};
        const std::size_t labels = record.owner.label_count() - origin_.label_count();
        if (labels == 0) {
            has_ns_ = has_ns_ || record.type == dns::Type::ns;
            return {};
        }
        if (labels == 1 && record.owner.first_label() == "version") return take_version(record);
        if (labels == 2 && is_zones(record.owner.parent())) return take_member(record);
        if (labels == 3 && is_zones(record.owner.parent().parent())) return take_property(record);
        return {};
    }

    static bool is_zones(dns::NameView name) noexcept { return name.first_label() == "zones"; }

    Status take_version(const dns::Record& record) {
        if (record.type != dns::Type::txt) return {};
        std::optional<std::string> text = text_of(record);
        if (!text) return malformed(record);
        versions_.push_back(std::move(*text));
        return {};
    }

    Status take_member(const dns::Record& record) {
        const auto* const target = target_of(record);
        if (target == nullptr) return {};
        draft(record.owner).zones.push_back(dns::Name{*target}.lower());
        return {};
    }

    Status take_property(const dns::Record& record) {
        const std::string_view property = record.owner.first_label();
        if (property == "coo") {
            if (const auto* const target = target_of(record)) {
                draft(record.owner.parent()).coos.push_back(dns::Name{*target}.lower());
            }
        } else if (property == "group" && record.type == dns::Type::txt) {
            std::optional<std::string> text = text_of(record);
            if (!text) return malformed(record);
            draft(record.owner.parent()).groups.push_back(std::move(*text));
        }
        return {};
    }

    static const dns::NameView* target_of(const dns::Record& record) noexcept {
        if (record.type != dns::Type::ptr) return nullptr;
        return std::get_if<dns::NameView>(&record.data);
    }

    static std::optional<std::string> text_of(const dns::Record& record) {
        const auto* const data = std::get_if<dns::RawData>(&record.data);
        return data == nullptr ? std::nullopt : joined_text(*data);
    }

    static Status malformed(const dns::Record& record) {
        return wrong("a malformed TXT record at " + record.owner.to_string());
    }

    Draft& draft(dns::NameView member) { return drafts_[text_of_label(member.first_label())]; }

    Status check_itself() const {
        if (!zone_.soa_owner().equals(origin_)) return wrong("no SOA record");
        if (!has_ns_) return wrong("no NS record");
        if (versions_.size() != 1) {
            return wrong(std::to_string(versions_.size()) + " TXT records 'version', expected one");
        }
        if (versions_[0] != "2") return wrong("another version, expected '2'");
        return {};
    }

    Result<Catalog> members() {
        Catalog catalog;
        std::unordered_map<std::string, std::string_view> ids;  // by zone
        for (auto& [id, draft] : drafts_) {
            if (draft.zones.empty()) continue;  // properties of nobody
            if (draft.zones.size() > 1) {
                return wrong("member '" + id + "': " + std::to_string(draft.zones.size()) +
                             " PTR records, expected one");
            }
            if (draft.coos.size() > 1) {
                return wrong("member '" + id + "': " + std::to_string(draft.coos.size()) +
                             " PTR records 'coo', expected one at most");
            }
            const dns::Name& zone = draft.zones[0];
            const auto [there, is_new] = ids.emplace(zone.to_string(), id);
            if (!is_new) {
                return wrong("zone '" + zone.to_string() + "' is member '" +
                             std::string{there->second} + "' and member '" + id + "'");
            }
            CatalogMember& member = catalog.members.emplace_back();
            member.id = id;
            member.zone = zone;
            if (!draft.coos.empty()) member.coo = draft.coos[0];
            member.groups = std::move(draft.groups);
            std::ranges::sort(member.groups);
        }
        return catalog;
    }

    const zone::Zone& zone_;
    dns::NameView origin_;
    bool has_ns_ = false;
    std::vector<std::string> versions_;
    std::map<std::string, Draft> drafts_;  // by id
};

}  // namespace

Result<Catalog> read_catalog(const zone::Zone& zone) {
    return CatalogReader{zone}.read();
}

bool CatalogFilter::accepts(dns::NameView member) const noexcept {
    return zones.empty() ||
           std::ranges::any_of(zones, [&](const dns::Name& zone) { return member.is_under(zone); });
}

}  // namespace nameplane::plugins::secondary
