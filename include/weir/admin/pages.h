// The admin pages as pure functions of a View.
//
// Everything in a View may have come from a request or an operator: it is escaped for where it
// stands. The HTML has no inline script or style, so that a Content-Security-Policy can forbid
// both.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/admin/view.h"

namespace weir::admin {

// The page for people, whole; it works without scripts. With them it fetches `live_html()` again
// every second.
std::string page_html(const View& view);
// The part that changes.
std::string live_html(const View& view);
// The same as JSON, for programs. Durations are in milliseconds, by the name of the field.
std::string status_json(const View& view);

// The page's style and script.
std::string_view page_css();
std::string_view page_js();

// The gauges of the upstreams for the metrics.
std::vector<telemetry::Sample> samples(std::span<const cluster::ClusterStatus> upstreams);

// Text for an HTML element or a quoted attribute.
std::string escape_html(std::string_view text);

}  // namespace weir::admin
