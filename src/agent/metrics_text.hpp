#pragma once
// metrics_text: the registry, and what one wants to know of any process, as Prometheus reads it.

#include <nameplane/base/metrics.hpp>

#include <string>

namespace nameplane::agent {

/// CPU, memory, descriptors and start of this process: process_*, as client libraries name them.
std::vector<metrics::FamilyReading> process_metrics();
/// The text format, version 0.0.4. From any thread.
std::string metrics_text(const std::vector<metrics::FamilyReading>& families);

}  // namespace nameplane::agent
