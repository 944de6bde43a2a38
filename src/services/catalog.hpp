#pragma once
// Catalog: the Services and EndpointSlices the store knows, and which slice belongs to whom. Slices
// may come before their Service and outlive it.

#include "services/contents.hpp"
#include "services/data.hpp"
#include "services/merge.hpp"
#include "services/model.hpp"
#include "services/shelf.hpp"
#include "services/stored_slice.hpp"
#include <nameplane/base/result.hpp>
#include <nameplane/services/entry.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace nameplane::services {

/// One thread. Objects have passed check_limits().
class Catalog {
public:
    explicit Catalog(std::size_t services_max, Apart apart = Apart::nothing)
        : services_max_{services_max}, apart_{apart} {}

    /// True if the object is new or differs in something that a snapshot shows or may show.
    /// `round`: the list that named it.
    Result<bool> put(Service&& service, std::uint32_t round);
    Result<bool> put(const EndpointSlice& slice, std::uint32_t round);
    bool remove_service(const ObjectKey& key);
    bool remove_slice(const ObjectKey& key);
    /// The object stays as it is, but the list `round` named it.
    void keep_service(const ObjectKey& key, std::uint32_t round);
    void keep_slice(const ObjectKey& key, std::uint32_t round);
    /// Removes what the list `round` did not name; true if a snapshot shows the difference.
    bool remove_unnamed_services(std::uint32_t round);
    bool remove_unnamed_slices(std::uint32_t round);

    bool changed() const noexcept { return !dirty_.empty(); }
    /// The Services whose entry differs from the last time, merged anew.
    std::vector<EntryChange> publish();
    /// Adds the Services and slices as they are now, also those not published yet.
    void add_to(Contents& contents) const;
    /// The same for a catalog of ServiceImports: their slices may be among those that are there.
    void add_imports_to(Contents& contents) const;

private:
    struct Slice;
    /// A Service, or slices that wait for it.
    struct Home {
        std::shared_ptr<const Service> service;
        std::shared_ptr<const ServiceEntry> published;
        std::vector<Slice*> slices;
        std::uint32_t slot = 0;  ///< while `published`
        std::uint32_t round = 0;
        bool dirty = false;
    };
    using Homes = std::unordered_map<ObjectKey, Home, KeyHash>;
    struct Slice {
        std::shared_ptr<const StoredSlice> stored;
        Homes::value_type* home = nullptr;
        std::uint32_t round = 0;
    };
    using Slices = std::unordered_map<ObjectKey, Slice, KeyHash>;

    bool mark(Homes::value_type& home);
    bool attach(Slice& slice, Homes::value_type& home);
    bool detach(Slice& slice);
    bool erase(Slices::iterator slice);
    bool drop(Homes::value_type& home);
    std::shared_ptr<const ServiceEntry> merged(const Home& home) const;
    std::uint32_t take_slot();

    std::size_t services_max_;
    Apart apart_;
    std::size_t service_count_ = 0;
    std::shared_ptr<StringPool> pool_ = std::make_shared<StringPool>();
    Homes homes_;
    Slices slices_;
    std::vector<Homes::value_type*> dirty_;
    std::vector<std::uint32_t> free_slots_;
    std::uint32_t slots_used_ = 0;
};

}  // namespace nameplane::services
