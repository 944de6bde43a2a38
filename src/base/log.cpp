#include <nameplane/base/log.hpp>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace nameplane::log {

namespace {

// spdlog calls it "warn"; "off" has no lines.
spdlog::level::level_enum spdlog_level(Level level) noexcept {
    switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warning: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
    case Level::off: return spdlog::level::off;
    }
    return spdlog::level::info;
}

spdlog::logger& logger() {
    static const std::shared_ptr<spdlog::logger> instance = [] {
        auto made = std::make_shared<spdlog::logger>(
            "nameplane", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
        made->flush_on(spdlog::level::debug);
        return made;
    }();
    return *instance;
}

bool is_bare(std::string_view value) noexcept {
    return !value.empty() && value.find_first_of(" \t\r\n\"=") == std::string_view::npos;
}

void append_value(std::string& line, std::string_view value) {
    if (is_bare(value)) {
        line += value;
        return;
    }
    line += '"';
    for (const char c : value) {
        if (c == '"' || c == '\\') line += '\\';
        if (c == '\n') {
            line += "\\n";
        } else {
            line += c;
        }
    }
    line += '"';
}

}  // namespace

void set_level(Level level) noexcept {
    logger().set_level(spdlog_level(level));
}

bool enabled(Level level) noexcept {
    return logger().should_log(spdlog_level(level));
}

std::optional<Level> parse_level(std::string_view word) noexcept {
    if (word == "debug") return Level::debug;
    if (word == "info") return Level::info;
    if (word == "warning") return Level::warning;
    if (word == "error") return Level::error;
    if (word == "off") return Level::off;
    return std::nullopt;
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) noexcept {
    try {
        std::string line{event};
        for (const Field& field : fields) {
            line += ' ';
            line += field.key;
            line += '=';
            append_value(line, field.value);
        }
        logger().log(spdlog_level(level), line);
    } catch (...) {
        // A line that cannot be written must not end the agent.
    }
}

}  // namespace nameplane::log
