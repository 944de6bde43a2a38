#pragma once
// What a plugin may have on a worker: sockets, timers, whatever belongs to the worker's loop. A
// plugin is shared by all workers and dies on the control thread; what it has on a worker must die
// on that worker. Therefore the two are held together by a Tenant.

#include <cstddef>
#include <memory>

namespace nameplane {

namespace net {
class Loop;
}

/// Something of a plugin that lives on one worker. The plugin holds one reference (WorkerLocal is
/// the place), the worker another.
class Tenant {
public:
    virtual ~Tenant() = default;
    /// Lets go of everything that belongs to the loop, and of every query; nobody is resumed. On
    /// the worker's thread, when nobody but the worker holds the tenant any more, or when the
    /// worker ends. It may be called twice, and the plugin may still ask it things afterwards.
    virtual void close() noexcept = 0;
};

/// A worker as Plugin::begin() sees it.
class WorkerContext {
public:
    virtual std::size_t number() const noexcept = 0;
    /// Include "net/loop.hpp" to use it. It runs already.
    virtual net::Loop& loop() noexcept = 0;
    /// The worker holds `tenant`, too, and closes it in time. More than once is as good as once.
    virtual void keep(std::shared_ptr<Tenant> tenant) = 0;

protected:
    ~WorkerContext() = default;
};

}  // namespace nameplane
