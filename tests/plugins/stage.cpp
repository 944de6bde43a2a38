#include "stage.hpp"

#include "chain/registry.hpp"
#include "conf/compile.hpp"
#include "conf/lines.hpp"
#include "dns/encode.hpp"
#include "dns/parse.hpp"
#include "dns/record_text.hpp"
#include "support/one_chain.hpp"
#include <nameplane/seal.hpp>

#include <catch2/catch.hpp>

#include <algorithm>

namespace nameplane::test {

namespace {

using Octets = std::vector<std::uint8_t>;

void put16(Octets& to, unsigned value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8U));
    to.push_back(static_cast<std::uint8_t>(value & 0xffU));
}

Octets query_octets(dns::NameView name, dns::Type type, const StageAsk& how) {
    const bool edns = how.edns_size || !how.edns_options.empty() || how.dnssec_ok;
    Octets octets;
    for (const unsigned field : {0x4e50U, 0x0100U, 1U, 0U, 0U, edns ? 1U : 0U}) {
        put16(octets, field);
    }
    octets.insert(octets.end(), name.wire().begin(), name.wire().end());
    put16(octets, static_cast<unsigned>(type));
    put16(octets, static_cast<unsigned>(*dns::parse_class(how.klass)));
    if (!edns) return octets;
    octets.push_back(0);
    put16(octets, static_cast<unsigned>(dns::Type::opt));
    put16(octets, how.edns_size.value_or(1232));
    put16(octets, 0);
    put16(octets, how.dnssec_ok ? 0x8000U : 0U);
    put16(octets, static_cast<unsigned>(how.edns_options.size()));
    octets.insert(octets.end(), how.edns_options.begin(), how.edns_options.end());
    return octets;
}

struct Built {
    std::vector<chain::Link> links;
    std::string mistakes;
};

void add_line(std::string& text, const std::string& line) {
    text += (text.empty() ? "" : "\n") + line;
}

Built build(std::string_view lines, const Stage::Options& options, metrics::Registry& metrics) {
    Built built;
    conf::Document document;
    std::vector<conf::Problem> problems;
    document.servers.push_back(
        {options.zones, conf::lines_of(conf::words_of(lines, {"Corefile", 1}), problems), {}});
    conf::Compiled compiled = conf::compile(document, chain::plugin_tables());
    problems.insert(problems.end(), compiled.problems.begin(), compiled.problems.end());
    for (const conf::Problem& problem : problems) add_line(built.mistakes, problem.to_string());
    if (!problems.empty()) return built;

    const conf::ServerConfig& server = compiled.config.runtime.servers.front();
    std::vector<dns::Name> zones;
    for (const conf::ServedZone& zone : server.zones) zones.push_back(zone.name);
    std::vector<IpAddress> own;
    for (const std::string& text : options.own_addresses) own.push_back(*IpAddress::parse(text));
    Setup setup{.zones = zones,
                .workers = options.workers,
                .metrics = metrics,
                .own_addresses = own,
                .selections = options.selections,
                .sibling = [&server](std::string_view name) -> const nameplane::Options* {
                    const auto found =
                        std::ranges::find(server.plugins, name, &conf::PluginConfig::name);
                    return found == server.plugins.end() ? nullptr : &found->options;
                },
                .background = options.background,
                .line_log = options.line_log,
                .services_synced = [] { return true; },
                .clock = options.clock};
    for (const conf::PluginConfig& plugin : server.plugins) {
        const auto kind =
            std::ranges::find(chain::plugin_kinds(), plugin.name, &chain::PluginKind::name);
        auto made = kind->make(plugin.options, setup);
        if (made) {
            built.links.push_back({std::move(*made), kind->name});
        } else {
            add_line(built.mistakes, made.error().text);
        }
    }
    return built;
}

Octets options_of(const Octets& wire, std::size_t count) {
    // The OPT is the last record: root, type 41, size, TTL, length, and nothing behind.
    for (std::size_t at = wire.size() - 11; count != 0 && at > 11; --at) {
        const std::size_t length = static_cast<std::size_t>(wire[at + 9]) << 8U | wire[at + 10];
        if (wire[at] == 0 && wire[at + 1] == 0 && wire[at + 2] == 41 &&
            at + 11 + length == wire.size()) {
            return {wire.begin() + static_cast<std::ptrdiff_t>(at + 11), wire.end()};
        }
    }
    return {};
}

}  // namespace

class Stage::Behind final : public Plugin {
public:
    explicit Behind(std::optional<Heard>& heard) : heard_{heard} {}

    void lay_down(std::string_view name, std::string_view type, Said said) {
        said_[key(name, type)] = std::move(said);
    }

    Step ask(Query& query, Reply& reply) const noexcept override {
        const std::string type = dns::to_string(query.type());
        heard_ = Heard{.name = query.name().to_string(),
                       .type = type,
                       .klass = dns::to_string(query.klass()),
                       .recursion_desired = query.recursion_desired(),
                       .udp_size = query.udp_size(),
                       .edns_options = {query.edns_options().begin(), query.edns_options().end()}};
        forget_message(query);
        const auto found = said_.find(key(heard_->name, type));
        if (found == said_.end()) {
            reply.rcode = dns::Rcode::nx_domain;
            return Step::done;
        }
        const Said& said = found->second;
        if (!said.error.empty()) {
            reply.fail(said.error);
            return Step::done;
        }
        reply.rcode = said.rcode;
        reply.authoritative = said.authoritative;
        reply.truncated = said.truncated;
        for (const std::string& line : said.answers) reply.answer(record(line, query));
        for (const std::string& line : said.authorities) reply.authority(record(line, query));
        for (const std::string& line : said.additionals) reply.additional(record(line, query));
        return Step::done;
    }

    bool search_path(Query&, SearchPath& path) const noexcept override {
        for (const dns::Name& domain : domains_) path.add(domain);
        return !domains_.empty();
    }
    /// The options in the client's message, which may be gone when the answer comes.
    void set_message_options(std::span<std::uint8_t> options) { message_options_ = options; }
    void search(const std::vector<std::string>& domains) {
        for (const std::string& domain : domains) domains_.push_back(*dns::Name::parse(domain));
    }

private:
    /// Whoever waits keeps what the query refers to, and nothing else of the message.
    void forget_message(const Query& query) const noexcept {
        if (query.edns_options().data() == message_options_.data()) return;
        std::ranges::fill(message_options_, std::uint8_t{0xee});
    }
    static std::string key(std::string_view name, std::string_view type) {
        return dns::Name::parse(name)->lower().to_string() + ' ' + std::string{type};
    }
    static dns::Record record(const std::string& line, Query& query) {
        auto read = dns::read_record(line, query.arena());
        INFO(line);
        REQUIRE(read);
        if (read->owner.equals(query.name())) read->owner = query.name();
        return *read;
    }

    std::map<std::string, Said> said_;
    std::vector<dns::Name> domains_;
    std::span<std::uint8_t> message_options_;
    std::optional<Heard>& heard_;
};

struct Stage::Parts {
    explicit Parts(std::size_t workers) : metrics{workers} {}

    metrics::Registry metrics;
    std::optional<Heard> heard;
    Behind* behind = nullptr;
    std::optional<chain::Chain> chain;
    std::optional<chain::Chain> alone;
    std::string lines;
    Options options;
};

Stage::Stage(std::string_view lines, Options options)
    : parts_{std::make_unique<Parts>(options.workers)} {
    Built built = build(lines, options, parts_->metrics);
    INFO(lines);
    REQUIRE(built.mistakes.empty());
    parts_->lines = lines;
    parts_->options = options;
    auto behind = std::make_unique<Behind>(parts_->heard);
    parts_->behind = behind.get();
    built.links.push_back({std::move(behind), "behind"});
    parts_->chain.emplace(built.links);
}

Stage::Stage(Stage&&) noexcept = default;
Stage::~Stage() = default;

Stage& Stage::behind(std::string_view name, std::string_view type, Said said) {
    parts_->behind->lay_down(name, type, std::move(said));
    return *this;
}

Stage& Stage::behind_searches(const std::vector<std::string>& domains) {
    parts_->behind->search(domains);
    return *this;
}

StageAnswer Stage::ask(std::string_view name, std::string_view type, const StageAsk& how) {
    INFO("query: " << name << ' ' << type);
    const auto parsed = dns::Name::parse(name);
    const auto parsed_type = dns::parse_type(type);
    REQUIRE(parsed.has_value());
    REQUIRE(parsed_type.has_value());
    Octets octets = query_octets(*parsed, *parsed_type, how);
    if (how.signer != nullptr) {
        const std::size_t size = octets.size();
        octets.resize(size + how.signer->octets_max());
        octets.resize(how.signer->append(octets, size, how.signed_at));
    }
    if (how.tamper) how.tamper(octets);
    parts_->behind->set_message_options(std::span{octets}.last(how.edns_options.size()));
    dns::Question question;
    REQUIRE(dns::parse_query(octets, question) == dns::ParseError::none);
    Arena arena{1 << 20};
    OneChain host{*parts_->chain};
    Query query{
        {.name = question.name,
         .asked = question.asked,
         .type = question.type,
         .klass = question.klass,
         .recursion_desired = question.recursion_desired,
         .dnssec_ok = question.edns && question.edns->dnssec_ok,
         .has_edns = question.edns.has_value(),
         .udp_size = question.edns ? question.edns->udp_size : std::uint16_t{512},
         .edns_options = question.edns ? question.edns->options : std::span<const std::uint8_t>{},
         .id = question.id,
         .octets = octets.size(),
         .message = octets,
         .client = *SocketAddress::parse(how.client),
         .server = *SocketAddress::parse("192.0.2.53:53"),
         .transport = how.tcp ? Transport::tcp : Transport::udp,
         .worker = how.worker,
         .services = services::ServiceView{*parts_->options.snapshot},
         .arena = &arena,
         .host = &host}};
    Reply reply{arena};
    parts_->heard.reset();
    if (parts_->chain->walk(query, reply) == Step::drop) return {.dropped = true, .message = {}};
    StageAnswer answer;
    answer.wire.resize(65535);
    const std::size_t behind = query.seal() == nullptr ? 0 : query.seal()->octets_max();
    std::size_t size =
        dns::encode(question, reply, {.tcp = how.tcp, .octets_behind = behind}, answer.wire);
    if (query.seal() != nullptr) size = query.seal()->close(answer.wire, size);
    answer.wire.resize(size);
    auto message = read_with_ldns(answer.wire);
    REQUIRE(message.has_value());
    answer.message = std::move(*message);
    if (question.edns) answer.edns_options = options_of(answer.wire, 1);
    answer.rcode = dns::to_string(static_cast<dns::Rcode>(answer.message.rcode));
    return answer;
}

std::string StageAnswer::answers() const {
    std::string text;
    for (const std::string& line : message.answers) text += (text.empty() ? "" : "; ") + line;
    return text;
}

const chain::Chain& Stage::chain_without_behind() {
    if (!parts_->alone) {
        Built built = build(parts_->lines, parts_->options, parts_->metrics);
        parts_->alone.emplace(built.links);
    }
    return *parts_->alone;
}

const std::optional<Heard>& Stage::heard() const {
    return parts_->heard;
}

double Stage::count(std::string_view name, const metrics::Labels& labels) const {
    double sum = 0;
    for (const metrics::FamilyReading& family : parts_->metrics.read()) {
        if (family.name != name) continue;
        for (const metrics::Sample& sample : family.samples) {
            const bool all = std::ranges::all_of(labels, [&](const auto& label) {
                return std::ranges::find(sample.labels, label) != sample.labels.end();
            });
            if (all) sum += sample.value;
        }
    }
    return sum;
}

std::string mistakes_in(std::string_view lines, Stage::Options options) {
    metrics::Registry metrics{1};
    return build(lines, options, metrics).mistakes;
}

std::string mistakes_in(std::string_view lines) {
    return mistakes_in(lines, {});
}

}  // namespace nameplane::test
