#pragma once
// Api: requests to the Kubernetes API, as those who list and watch see them. Who we are, TLS, lost
// connections and the wording of errors are the business of who implements it (api_client.hpp).

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nameplane::kube {

struct ApiRequest {
    std::string target;       ///< path and query: "/api/v1/services?limit=500"
    std::string what;         ///< verb and resource, for messages: "list services"
    bool compressed = false;  ///< for lists
    /// Until the answer is complete; zero: for ever, as for a watch.
    std::chrono::milliseconds time_max{0};
};

struct ApiEnd {
    int status = 0;  ///< of HTTP; 0: no answer came
    /// 2xx, and the answer came to its end.
    bool ok = false;
    /// How long the server asks us to wait.
    std::optional<std::chrono::seconds> retry_after;
    /// Of what is not ok: one sentence that begins with `what`, says what is wrong and what to do
    /// about it.
    std::string error;
};

/// On the control thread; never from within Api::get(). Each may destroy its call.
struct ApiCallbacks {
    /// Octets of a 2xx answer, as they come. Other answers go into ApiEnd::error.
    std::function<void(std::string_view octets)> body;
    std::function<void(const ApiEnd&)> end;
    /// The answer has begun, with a 2xx: for a watch, the server has accepted it. May be empty.
    std::function<void()> begun;
};

/// A call under way. Destroying it cancels it: nothing is called any more.
class ApiCall {
public:
    virtual ~ApiCall() = default;
};

/// Control thread only.
class Api {
public:
    virtual ~Api() = default;
    virtual std::unique_ptr<ApiCall> get(ApiRequest request, ApiCallbacks callbacks) = 0;
};

}  // namespace nameplane::kube
