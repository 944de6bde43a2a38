// What a catalog zone of MEMBERS (8,000) members costs a secondary: CPU time until all of them are
// fetched from a primary of this program on loopback (whose own time is left out), resident memory
// a member, then one member more; and ns that a query takes to find its zone among
// all. Usage: bench_catalog [MEMBERS...].

#include "plugins/secondary/keeper.hpp"
#include <nameplane/base/log.hpp>

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace nameplane;
using namespace nameplane::plugins::secondary;

namespace {

using Octets = std::vector<std::uint8_t>;

double cpu_ms(clockid_t clock) {
    std::timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

double resident_mb() {
    std::ifstream file{"/proc/self/statm"};
    std::size_t all = 0;
    std::size_t resident = 0;
    file >> all >> resident;
    return static_cast<double>(resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) / 1e6;
}

void add16(Octets& to, std::size_t value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8));
    to.push_back(static_cast<std::uint8_t>(value));
}

void add_name(Octets& to, const std::string& text) {
    const dns::Name name = *dns::Name::parse(text);
    to.insert(to.end(), name.view().wire().begin(), name.view().wire().end());
}

void add_record(Octets& to, const Octets& owner, dns::Type type, const Octets& data) {
    to.insert(to.end(), owner.begin(), owner.end());
    add16(to, static_cast<std::size_t>(type));
    add16(to, 1);
    add16(to, 0);
    add16(to, 300);
    add16(to, data.size());
    to.insert(to.end(), data.begin(), data.end());
}

/// The messages of a transfer: records, whose owners may be "the name asked for".
class Answer {
public:
    static Octets origin() { return {0xc0, 12}; }
    static Octets soa(std::size_t serial) {
        Octets data{0, 0};  // ns. and its admin are the root
        add16(data, serial >> 16);
        add16(data, serial & 0xffff);
        for (const std::size_t time : {3600, 600, 65'000, 30}) {
            add16(data, 0);
            add16(data, time);
        }
        return data;
    }
    explicit Answer(const Octets& question) : question_{question} { begin(); }

    void add(const Octets& owner, dns::Type type, const Octets& data) {
        if (message_.size() > 60'000) end();
        add_record(message_, owner, type, data);
        ++count_;
    }
    /// All of it, each message behind its length.
    Octets take() {
        end();
        return std::move(all_);
    }

private:
    void begin() {
        message_ = {question_[0], question_[1], 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0};
        message_.insert(message_.end(), question_.begin() + 12, question_.end());
        count_ = 0;
    }
    void end() {
        message_[6] = static_cast<std::uint8_t>(count_ >> 8);
        message_[7] = static_cast<std::uint8_t>(count_);
        add16(all_, message_.size());
        all_.insert(all_.end(), message_.begin(), message_.end());
        begin();
    }

    Octets question_;
    Octets message_;
    Octets all_;
    std::size_t count_ = 0;
};

std::string member_name(std::size_t i) {
    return "member" + std::to_string(i) + ".example.";
}

/// Has `catalog.` of the first members, and each member: SOA, NS and an address.
class Primary {
public:
    explicit Primary(std::size_t members)
        : members_{members}, socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
            ::listen(socket_, 128) != 0 ||
            ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
            std::abort();
        }
        port_ = ntohs(address.sin_port);
        thread_ = std::thread{[this] { serve(); }};
    }
    ~Primary() {
        ::shutdown(socket_, SHUT_RDWR);
        thread_.join();
        ::close(socket_);
    }
    Primary(const Primary&) = delete;
    Primary& operator=(const Primary&) = delete;

    SocketAddress address() const { return {*IpAddress::parse("127.0.0.1"), port_}; }
    void set_members(std::size_t members) { members_ = members; }
    double cpu_ms() {
        clockid_t clock{};
        ::pthread_getcpuclockid(thread_.native_handle(), &clock);
        return ::cpu_ms(clock);
    }

private:
    void serve() {
        while (true) {
            const int client = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
            if (client < 0) return;
            Octets question(512);
            const ssize_t size = ::recv(client, question.data(), question.size(), 0);
            if (size > 18) {
                question.resize(static_cast<std::size_t>(size));
                question.erase(question.begin(), question.begin() + 2);
                send(client, answer(question));
            }
            ::close(client);
        }
    }

    static void send(int client, const Octets& octets) {
        std::size_t sent = 0;
        while (sent < octets.size()) {
            const ssize_t size =
                ::send(client, octets.data() + sent, octets.size() - sent, MSG_NOSIGNAL);
            if (size <= 0) return;
            sent += static_cast<std::size_t>(size);
        }
    }

    Octets answer(const Octets& question) const {
        const bool is_catalog = question[12] == 7;  // "catalog", no member has such a label
        const bool whole = question[question.size() - 3] == 252;
        const std::size_t members = members_;
        const Octets soa = Answer::soa(is_catalog ? members : 1);
        Answer answer{question};
        answer.add(Answer::origin(), dns::Type::soa, soa);
        if (!whole) return answer.take();
        answer.add(Answer::origin(), dns::Type::ns, {0});
        if (is_catalog) {
            add_members(answer, members);
        } else {
            answer.add({3, 'w', 'w', 'w', 0xc0, 12}, dns::Type::a, {192, 0, 2, 1});
        }
        answer.add(Answer::origin(), dns::Type::soa, soa);
        return answer.take();
    }

    static void add_members(Answer& answer, std::size_t members) {
        answer.add({7, 'v', 'e', 'r', 's', 'i', 'o', 'n', 0xc0, 12}, dns::Type::txt, {1, '2'});
        for (std::size_t i = 0; i < members; ++i) {
            Octets owner;
            add_name(owner, "m" + std::to_string(i) + ".zones.catalog.");
            Octets target;
            add_name(target, member_name(i));
            answer.add(owner, dns::Type::ptr, target);
        }
    }

    std::atomic<std::size_t> members_;
    int socket_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

/// ns of CPU that one look-up takes.
double look_up_ns(const zone::Store& store, std::size_t members) {
    std::vector<dns::Name> names;
    for (std::size_t i = 0; i < 10'000; ++i) {
        names.push_back(*dns::Name::parse("www." + member_name(i * 7919 % members)));
    }
    double best = 1e18;
    std::size_t found = 0;
    for (int run = 0; run < 7; ++run) {
        const double start = cpu_ms(CLOCK_THREAD_CPUTIME_ID);
        for (const dns::Name& name : names) {
            const zone::Suffixes suffixes{name};
            found += store.zones(0).find(suffixes)->zone != nullptr ? 1 : 0;
        }
        const double taken = cpu_ms(CLOCK_THREAD_CPUTIME_ID) - start;
        best = std::min(best, taken * 1e6 / static_cast<double>(names.size()));
    }
    if (found != 7 * names.size()) std::abort();
    return best;
}

void measure(std::size_t members) {
    // The last one comes later.
    Primary primary{members - 1};
    const double resident_before = resident_mb();
    const double primary_before = primary.cpu_ms();
    const double before = cpu_ms(CLOCK_PROCESS_CPUTIME_ID);
    const auto clock_before = std::chrono::steady_clock::now();
    const auto cpu = [&] {
        return cpu_ms(CLOCK_PROCESS_CPUTIME_ID) - before - (primary.cpu_ms() - primary_before);
    };

    ZoneSettings catalog{.origin = *dns::Name::parse("catalog."),
                         .primaries = {primary.address()},
                         .legacy = std::make_shared<Legacy>(),
                         .catalog = CatalogFilter{},
                         .catalog_legacy = std::make_shared<CatalogLegacy>()};
    auto store = std::make_shared<zone::Store>(1, nullptr);
    store->put_empty(catalog.origin);
    Places places{1};
    places.put(place_of(catalog));
    metrics::Counter transferred{1};
    metrics::Counter others{1};
    const auto await = [&](std::size_t count) {
        while (transferred.value() < count) {
            std::this_thread::sleep_for(std::chrono::milliseconds{2});
            store->zones(0);  // as a worker: lets go of the table before
        }
    };
    Keeper keeper{{catalog}, store, {&transferred, &others, &others, &others}, places};
    await(members);
    const double all = cpu();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - clock_before;
    const double resident = resident_mb() - resident_before;

    primary.set_members(members);
    const double start = cpu();
    keeper.notified(*places.at(0).find_exact(catalog.origin));
    await(members + 2);
    std::printf("%8zu %10.2f %10.2f %12.1f %10.0f %12.0f %12.1f %10.0f\n", members, all / 1e3,
                taken.count(), all * 1e3 / static_cast<double>(members), resident,
                resident * 1e6 / static_cast<double>(members), cpu() - start,
                look_up_ns(*store, members));
}

}  // namespace

int main(int argc, char** argv) {
    log::set_level(log::Level::error);
    std::printf("%8s %10s %10s %12s %10s %12s %12s %10s\n", "members", "CPU s", "wall s",
                "us a member", "MB", "octets each", "1 more ms", "find ns");
    if (argc < 2) measure(8000);
    for (int i = 1; i < argc; ++i) measure(std::strtoul(argv[i], nullptr, 10));
}
