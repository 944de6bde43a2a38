#pragma once
// A Plan as text for people and golden files: stable, sorted as the plan is, without its version.

#include "rules/plan.hpp"

#include <string>

namespace nameplane::rules {

/// The settings, then a paragraph for each Service port: where traffic for it may come in, what
/// happens to it there, and the endpoints that serve it. Ends in a newline.
std::string to_plan_text(const Plan& plan);

}  // namespace nameplane::rules
