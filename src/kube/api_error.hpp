#pragma once
// What went wrong with a request to the API server, and what to do about it, as one sentence for a
// person.

#include "kube/api_access.hpp"
#include "net/http_client.hpp"

#include <string>
#include <string_view>

namespace nameplane::kube {

/// What a body of kind Status says. Texts are free of control characters and bounded.
struct ApiStatus {
    bool is_status = false;
    std::string message;
    std::string reason;  ///< "Forbidden", "Expired"
};
ApiStatus status_of(std::string_view body);

struct ApiFailure {
    std::string_view what;  ///< "list services"
    const ApiAccess& access;
    net::HttpHead head;  ///< status 0: no answer came
    net::HttpEnd end;
    std::string_view body;  ///< of an answer that is not 2xx
};

/// One line, without a stop at its end; begins with `what`.
std::string explain(const ApiFailure& failure);

/// `text` in one line of bounded length.
std::string one_line(std::string_view text);

}  // namespace nameplane::kube
