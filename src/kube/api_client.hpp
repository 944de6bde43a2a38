#pragma once
// ApiClient: requests to the API server of an ApiAccess, as who it says we are. Credentials are
// renewed as they rotate, a server that has fallen silent is noticed, and what goes wrong is said
// in a sentence.

#include "kube/api.hpp"
#include "kube/api_access.hpp"
#include "net/loop.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>

#include <chrono>
#include <memory>

namespace nameplane::kube {

/// Limits; the sum of the first three is how long a half-open connection can go unnoticed.
struct ApiClientOptions {
    /// When calls are under way and nothing was heard for so long, the server is asked whether it
    /// lives (GET /livez; any answer will do), on the same connection with HTTP/2.
    std::chrono::milliseconds silence_max{15'000};
    /// When it has not said so until then, all connections are dropped.
    std::chrono::milliseconds probe_time_max{8'000};
    /// How often that is looked at.
    std::chrono::milliseconds tick{1'000};
    /// How often files with tokens and client certificates are looked at.
    std::chrono::milliseconds reread{60'000};
};

/// Control thread only; `loop`, `registry` and `clock` must outlive it.
class ApiClient final : public Api {
public:
    ApiClient(ApiAccess access, net::Loop& loop, metrics::Registry& registry, const Clock& clock,
              ApiClientOptions options = {});
    /// Cancels all calls; may be done within their callbacks.
    ~ApiClient() override;
    ApiClient(const ApiClient&) = delete;
    ApiClient& operator=(const ApiClient&) = delete;

    std::unique_ptr<ApiCall> get(ApiRequest request, ApiCallbacks callbacks) override;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace nameplane::kube
