#include "plugins/secondary/fetch.hpp"

#include "net/connect.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace nameplane::plugins::secondary {

namespace {

// Views of a message's records: several times as large as the message.
constexpr std::size_t arena_octets = 4 << 20;
constexpr std::size_t read_octets = 64 << 10;

}  // namespace

Fetch::Fetch(net::Loop& loop, What what, dns::NameView origin, const SocketAddress& primary,
             std::uint16_t id, std::function<void(Result)> ended)
    : loop_{loop}, origin_{origin}, primary_{primary}, id_{id}, ended_{std::move(ended)},
      arena_{arena_octets}, start_{loop.soon([this] { begin(); })},
      silence_{loop.timer([this] { fail("said nothing for too long"); })}, time_{loop.timer([this] {
          fail("took too long");
      })} {
    result_.what = what;
    if (what == What::zone) in_.emplace(origin_, id_, Bounds{});
    question_ =
        question_octets(origin_, what == What::zone ? dns::Type::axfr : dns::Type::soa, id_);
    start_->call();
}

Fetch::~Fetch() = default;

void Fetch::begin() {
    heard();
    time_->start(time_max);
    nameplane::Result<UniqueFd> begun = net::begin_tcp(primary_, std::nullopt);
    if (!begun) return fail(begun.error().text);
    stream_.emplace(std::move(*begun), primary_);
    watch_ = loop_.watch(stream_->fd(),
                         [this](bool readable, bool writable) { ready(readable, writable); });
    watch_->start(false, true);
}

void Fetch::heard() {
    silence_->start(silence_max);
}

void Fetch::ready(bool readable, bool writable) {
    if (over_) return;
    if (!connected_) {
        if (!net::is_connected(stream_->fd())) return fail("no connection");
        connected_ = true;
    }
    if (writable && asked_ < question_.size()) write();
    if (readable && !over_) read();
}

void Fetch::write() {
    const net::IoResult wrote = stream_->write(std::span{question_}.subspan(asked_));
    if (wrote.io == net::Io::later) return;
    if (wrote.io != net::Io::some) return fail("the connection is gone");
    asked_ += wrote.octets;
    if (asked_ == question_.size()) watch_->start(true, false);
}

void Fetch::read() {
    std::array<std::uint8_t, read_octets> room;
    const net::IoResult got = stream_->read(room);
    if (got.io == net::Io::later) return;
    if (got.io == net::Io::closed) return fail("closed the connection before the end");
    if (got.io != net::Io::some) return fail("the connection is gone");
    unread_.insert(unread_.end(), room.begin(),
                   room.begin() + static_cast<std::ptrdiff_t>(got.octets));
    if (!take_messages() && !over_) end();
}

/// False: there is nothing more to come.
bool Fetch::take_messages() {
    std::size_t from = 0;
    bool more = true;
    while (more && unread_.size() - from >= 2) {
        const std::size_t size = static_cast<std::size_t>(unread_[from]) << 8U | unread_[from + 1];
        if (unread_.size() - from - 2 < size) break;
        more = take_message(std::span{unread_}.subspan(from + 2, size));
        from += 2 + size;
        // A whole message, not a drop at a time, is a sign of life.
        if (more) heard();
    }
    unread_.erase(unread_.begin(), unread_.begin() + static_cast<std::ptrdiff_t>(from));
    return more;
}

bool Fetch::take_message(std::span<const std::uint8_t> message) {
    arena_.clear();
    if (!in_) {
        const auto serial = read_serial(message, origin_, id_, arena_);
        if (!serial) {
            fail(serial.error().text);
        } else {
            result_.serial = *serial;
        }
        return false;
    }
    const auto went = in_->take(message, arena_);
    if (!went) {
        fail(went.error().text);
        return false;
    }
    if (*went == TransferIn::Went::more) return true;
    result_.zone = in_->zone();
    result_.serial = result_.zone->serial();
    result_.records = in_->records();
    result_.outside = in_->outside();
    return false;
}

void Fetch::fail(std::string why) {
    result_.error = std::move(why);
    end();
}

void Fetch::end() {
    if (std::exchange(over_, true)) return;
    silence_->stop();
    time_->stop();
    if (watch_) watch_->stop();
    ended_(std::move(result_));
}

}  // namespace nameplane::plugins::secondary
