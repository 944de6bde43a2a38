#pragma once
// What the files of this folder that call libuv share of a Loop.

#include "net/loop.hpp"

#include <uv.h>

namespace nameplane::net {

/// As long as `loop` lives, on its thread.
uv_loop_t& uv_loop_of(Loop& loop) noexcept;

/// For a loop that goes while a child that was killed has not been collected: collects it and
/// closes its handle. In process.cpp.
void collect_orphan(uv_process_t* process);

}  // namespace nameplane::net
