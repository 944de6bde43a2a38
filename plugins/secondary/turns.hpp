#pragma once
// Turns: lets only so many transfers run at once; who comes later waits in line. A catalog may name
// many zones in one moment, and each transfer takes a connection and some megabytes.

#include <cstddef>
#include <functional>
#include <list>
#include <memory>

namespace nameplane::plugins::secondary {

/// Loop thread only; must outlive its turns.
class Turns {
public:
    /// Destroying it ends it, whether it had begun or not; then the next in line may begin.
    class Turn {
    public:
        ~Turn();
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

    private:
        friend Turns;
        Turn(Turns& owner, std::function<void()> begin);

        Turns& owner_;
        std::function<void()> begin_;
        bool waits_ = true;
        std::list<Turn*>::iterator place_;  // while it waits
    };

    explicit Turns(std::size_t at_once) : free_{at_once} {}
    Turns(const Turns&) = delete;
    Turns& operator=(const Turns&) = delete;

    /// Calls `begin`, at once or when others have ended. It must not end a turn itself.
    std::unique_ptr<Turn> take(std::function<void()> begin);
    /// No further turn begins.
    void close() noexcept { closed_ = true; }
    std::size_t waiting() const noexcept { return waiting_.size(); }

private:
    void go_on();

    std::size_t free_;
    bool closed_ = false;
    std::list<Turn*> waiting_;
};

}  // namespace nameplane::plugins::secondary
