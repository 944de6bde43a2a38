#include "net/process.hpp"
#include "support/web.hpp"

#include <catch2/catch.hpp>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <thread>

using namespace nameplane;
using namespace std::chrono_literals;
using net::Command;
using net::Process;
using net::ProcessEnd;
using net::ProcessFailure;

namespace {

Command shell(const std::string& script) {
    return {.program = "sh", .arguments = {"-c", script}};
}

ProcessEnd run(Command command) {
    net::Loop loop;
    ProcessEnd end;
    auto process = Process::start(std::move(command), loop, [&](ProcessEnd got) {
        end = std::move(got);
        loop.stop();
    });
    REQUIRE(process);
    loop.run();
    return end;
}

bool is_gone(int pid) {
    const auto end = std::chrono::steady_clock::now() + 1min;
    while (std::chrono::steady_clock::now() < end) {
        if (::kill(pid, 0) != 0 && errno == ESRCH) return true;
        std::this_thread::sleep_for(1ms);  // nobody tells us about the child of a child
    }
    return false;
}

}  // namespace

TEST_CASE("a program's output, errors and status") {
    const ProcessEnd end = run(shell("echo out; echo err >&2; exit 3"));
    CHECK(end.failure == ProcessFailure::none);
    CHECK(end.status == 3);
    CHECK(end.output == "out\n");
    CHECK(end.errors == "err\n");
    CHECK(run({.program = "true"}).status == 0);
    CHECK(run(shell("kill -9 $$")).failure == ProcessFailure::signalled);
    CHECK(run(shell("kill -9 $$")).status == 9);
    const ProcessEnd much = run(shell("head -c 1000000 /dev/zero"));
    CHECK(much.output == std::string(1'000'000, '\0'));
}

TEST_CASE("its environment is ours with more over it; its input is empty") {
    REQUIRE(::setenv("NAMEPLANE_TEST", "ours", 1) == 0);
    CHECK(run(shell("echo $NAMEPLANE_TEST; cat")).output == "ours\n");
    Command command = shell("echo $NAMEPLANE_TEST $MORE");
    command.environment = {"NAMEPLANE_TEST=theirs", "MORE=a b"};
    CHECK(run(command).output == "theirs a b\n");
}

TEST_CASE("what cannot be started says why") {
    net::Loop loop;
    const auto process =
        Process::start({.program = "/none/such"}, loop, [](const ProcessEnd&) { FAIL("ended"); });
    REQUIRE_FALSE(process);
    CHECK(process.error().text == "run /none/such: No such file or directory");
    CHECK(process.error().code == Errc::not_found);
}

TEST_CASE("limits of time and output kill it, and what it started") {
    test::TemporaryFolder folder;
    Command slow = shell("sleep 1000 & echo $! > " + (folder / "pid") + "; echo begun; wait");
    ProcessEnd late;
    // On a busy machine the shell may need longer than the least of these to begin.
    for (auto time = 200ms; late.output.empty() && time < 30s; time *= 4) {
        slow.time_max = time;
        late = run(slow);
        CHECK(late.failure == ProcessFailure::timed_out);
    }
    CHECK(late.output == "begun\n");
    CHECK(is_gone(std::stoi(test::content_of(folder / "pid"))));

    Command loud = shell("while :; do echo much; done");
    loud.output_octets_max = 10'000;
    CHECK(run(loud).failure == ProcessFailure::too_much);
    loud = shell("while :; do echo much >&2; done");
    loud.output_octets_max = 10'000;
    CHECK(run(loud).failure == ProcessFailure::too_much);
}

TEST_CASE("a process that is not wanted any more is killed, calls nobody and leaves no zombie") {
    test::TemporaryFolder folder;
    {
        net::Loop loop;
        auto process = Process::start(shell("echo $$; sleep 1000"), loop,
                                      [](const ProcessEnd&) { FAIL("ended"); });
        REQUIRE(process);
        const auto end = loop.timer([&] { loop.stop(); });
        end->start(20ms);
        loop.run();
        process->reset();
    }
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    CHECK(errno == ECHILD);
}

TEST_CASE("a process may go within its own end") {
    net::Loop loop;
    std::unique_ptr<Process> process;
    int ends = 0;
    auto started = Process::start({.program = "true"}, loop, [&](const ProcessEnd&) {
        ++ends;
        process.reset();
        loop.stop();
    });
    REQUIRE(started);
    process = std::move(*started);
    loop.run();
    CHECK(ends == 1);
}
