#include "plugins/secondary/turns.hpp"

#include <utility>

namespace nameplane::plugins::secondary {

Turns::Turn::Turn(Turns& owner, std::function<void()> begin)
    : owner_{owner}, begin_{std::move(begin)}, place_{owner.waiting_.insert(owner.waiting_.end(),
                                                                            this)} {}

Turns::Turn::~Turn() {
    if (waits_) {
        owner_.waiting_.erase(place_);
        return;
    }
    ++owner_.free_;
    owner_.go_on();
}

std::unique_ptr<Turns::Turn> Turns::take(std::function<void()> begin) {
    std::unique_ptr<Turn> turn{new Turn{*this, std::move(begin)}};
    go_on();
    return turn;
}

void Turns::go_on() {
    while (free_ > 0 && !waiting_.empty() && !closed_) {
        Turn& next = *waiting_.front();
        waiting_.pop_front();
        next.waits_ = false;
        --free_;
        next.begin_();
    }
}

}  // namespace nameplane::plugins::secondary
