#include "net/process.hpp"

#include "net/uv_loop.hpp"
#include <nameplane/base/check.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <optional>
#include <utility>

namespace nameplane::net {
namespace {

/// What libuv holds on to: lives until the last of its handles is closed, whatever becomes of the
/// owner. The child's handle stays open until the child is collected, so none is left as a zombie.
struct Child {
    struct Stream {
        uv_pipe_t uv{};
        std::string text;
        std::array<char, 16'384> room;
        bool open = false;
        bool ended = false;
    };
    uv_process_t process{};
    Stream output;
    Stream errors;
    std::size_t octets_max = 0;
    int handles = 0;
    bool exited = false;
    int exit_status = 0;
    int exit_signal = 0;
    std::function<void()> progress;  ///< empty without an owner

    void closed() {
        if (--handles == 0) delete this;
    }
    void close_process() {
        if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&process)) != 0) return;
        uv_close(reinterpret_cast<uv_handle_t*>(&process),
                 [](uv_handle_t* handle) { static_cast<Child*>(handle->data)->closed(); });
    }
    void close(Stream& stream) {
        if (!std::exchange(stream.open, false)) return;
        uv_close(reinterpret_cast<uv_handle_t*>(&stream.uv),
                 [](uv_handle_t* handle) { static_cast<Child*>(handle->data)->closed(); });
    }
    void open(Stream& stream, uv_loop_t& loop) {
        NP_CHECK(uv_pipe_init(&loop, &stream.uv, 0) == 0, "a pipe needs no resources yet");
        stream.uv.data = this;
        stream.open = true;
        ++handles;
    }
    Stream& stream_of(uv_handle_t* handle) {
        return handle == reinterpret_cast<uv_handle_t*>(&output.uv) ? output : errors;
    }
    /// It and what it started, which may outlive it and still write.
    void kill() const {
        if (!exited || !output.ended || !errors.ended) ::kill(-process.pid, SIGKILL);
    }
};

void on_room(uv_handle_t* handle, std::size_t, uv_buf_t* room) {
    auto& stream = static_cast<Child*>(handle->data)->stream_of(handle);
    *room = uv_buf_init(stream.room.data(), static_cast<unsigned>(stream.room.size()));
}

void on_read(uv_stream_t* handle, ssize_t count, const uv_buf_t*) {
    auto& child = *static_cast<Child*>(handle->data);
    auto& stream = child.stream_of(reinterpret_cast<uv_handle_t*>(handle));
    if (count == 0) return;
    if (count > 0) stream.text.append(stream.room.data(), static_cast<std::size_t>(count));
    if (count < 0) stream.ended = true;
    if (stream.ended) child.close(stream);
    if (const auto progress = child.progress) progress();
}

void on_exit(uv_process_t* process, std::int64_t status, int signal) {
    auto& child = *static_cast<Child*>(process->data);
    child.exited = true;
    child.exit_status = static_cast<int>(status);
    child.exit_signal = signal;
    child.close_process();
    if (const auto progress = child.progress) progress();
}

/// This process' environment with `more` over it.
std::vector<std::string> environment_with(const std::vector<std::string>& more) {
    const auto name_of = [](const std::string& line) { return line.substr(0, line.find('=') + 1); };
    std::vector<std::string> lines = more;
    for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
        const std::string line = *each;
        bool replaced = false;
        for (const std::string& own : more) replaced = replaced || own.starts_with(name_of(line));
        if (!replaced) lines.push_back(line);
    }
    return lines;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

class UvProcess final : public Process {
public:
    UvProcess(Child* child, Loop& loop, std::chrono::milliseconds time_max,
              std::function<void(ProcessEnd)> ended)
        : child_{child}, ended_{std::move(ended)}, limit_{loop.timer([this] {
              finish(ProcessFailure::timed_out);
          })} {
        child_->progress = [this] { look(); };
        limit_->start(time_max);
    }
    ~UvProcess() override { let_go(); }
    UvProcess(const UvProcess&) = delete;
    UvProcess& operator=(const UvProcess&) = delete;

private:
    void look() {
        const std::size_t most = child_->octets_max;
        if (child_->output.text.size() > most || child_->errors.text.size() > most)
            return finish(ProcessFailure::too_much);
        if (!child_->exited || !child_->output.ended || !child_->errors.ended) return;
        finish(child_->exit_signal == 0 ? ProcessFailure::none : ProcessFailure::signalled);
    }

    void finish(ProcessFailure failure) {
        ProcessEnd end{.failure = failure,
                       .status = failure == ProcessFailure::signalled ? child_->exit_signal
                                                                      : child_->exit_status,
                       .output = std::move(child_->output.text),
                       .errors = std::move(child_->errors.text)};
        let_go();
        const auto ended = std::move(ended_);
        ended(std::move(end));  // may destroy this
    }

    void let_go() {
        if (child_ == nullptr) return;
        child_->kill();
        child_->progress = nullptr;
        child_->close(child_->output);
        child_->close(child_->errors);
        child_ = nullptr;
        limit_->stop();
    }

    Child* child_;
    std::function<void(ProcessEnd)> ended_;
    std::unique_ptr<Timer> limit_;
};

}  // namespace

void collect_orphan(uv_process_t* process) {
    auto& child = *static_cast<Child*>(process->data);
    if (!std::exchange(child.exited, true)) ::waitpid(process->pid, nullptr, 0);
    child.close_process();
}

Result<std::unique_ptr<Process>> Process::start(Command command, Loop& loop,
                                                std::function<void(ProcessEnd)> ended) {
    uv_loop_t& uv = uv_loop_of(loop);
    auto* child = new Child;
    child->octets_max = command.output_octets_max;
    child->open(child->output, uv);
    child->open(child->errors, uv);
    std::vector<std::string> words = command.arguments;
    words.insert(words.begin(), command.program);
    std::vector<std::string> lines = environment_with(command.environment);
    std::vector<char*> arguments = pointers_to(words);
    std::vector<char*> environment = pointers_to(lines);
    std::array<uv_stdio_container_t, 3> stdio{};
    const auto pipe_flags = static_cast<uv_stdio_flags>(UV_CREATE_PIPE | UV_WRITABLE_PIPE);
    stdio[0].flags = UV_IGNORE;
    stdio[1].flags = pipe_flags;
    stdio[1].data.stream = reinterpret_cast<uv_stream_t*>(&child->output.uv);
    stdio[2].flags = pipe_flags;
    stdio[2].data.stream = reinterpret_cast<uv_stream_t*>(&child->errors.uv);
    uv_process_options_t options{};
    options.exit_cb = &on_exit;
    options.file = command.program.c_str();
    options.args = arguments.data();
    options.env = environment.data();
    // A group of its own, so that what it starts can be killed with it.
    options.flags = UV_PROCESS_DETACHED;
    options.stdio_count = stdio.size();
    options.stdio = stdio.data();
    child->process.data = child;
    ++child->handles;
    const int status = uv_spawn(&uv, &child->process, &options);
    if (status != 0) {
        child->exited = true;
        child->close(child->output);
        child->close(child->errors);
        child->close_process();
        return errno_error(-status, "run " + command.program);
    }
    for (auto* stream : {&child->output, &child->errors})
        uv_read_start(reinterpret_cast<uv_stream_t*>(&stream->uv), &on_room, &on_read);
    return std::unique_ptr<Process>{
        std::make_unique<UvProcess>(child, loop, command.time_max, std::move(ended))};
}

}  // namespace nameplane::net
