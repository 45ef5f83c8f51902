// What the admin listener answers. No sockets: whoever owns the listener hands a request over, on a
// thread off the event loops, and writes the answer.
//
//   GET  /             the page for people (with /page.css, /page.js and /live)
//   GET  /status.json  the same for programs
//   GET  /config       the configuration in force, every default filled in, as YAML
//   GET  /metrics      Prometheus or OpenMetrics, gzip where it is taken
//   GET  /healthz      200 while the process runs
//   GET  /readyz       200 when ready, else 503 and why
//   POST /reload       loads the configuration again; 422 and the mistakes when it is bad
//   POST /drain        begins to drain, as SIGTERM does
//
// HEAD is answered as GET is. A page in the operator's browser must not reach us by a
// forged form or a rebound name: POST needs the field `weir-admin: 1`, which a browser sends across
// origins only after a preflight that we refuse, and everything but /metrics, /healthz and /readyz
// needs a Host that is an IP literal or localhost (403 otherwise; no Host at all is no browser).
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/admin/view.h"
#include "weir/telemetry/metrics.h"

namespace weir::admin {

struct AdminRequest {
  std::string method;
  std::string path;  // without the query
  std::string query;
  std::string host;             // the Host field as it came; empty without one
  std::string accept;           // likewise
  std::string accept_encoding;  // likewise
  std::string weir_admin;       // likewise
};

struct AdminResponse {
  std::uint16_t status = 200;
  std::string content_type;
  std::string body;  // of HEAD too: its length is told, its bytes are not sent
  std::vector<std::pair<std::string, std::string>> fields;  // further fields, lower case
};

struct Readiness {
  Phase phase = Phase::starting;
  std::string reason;  // may be empty
};

// Where the answers come from. Called on the thread that calls answer(); must be thread-safe if
// several do.
struct Sources {
  std::function<View()> view;
  std::function<std::string()> effective_yaml;
  std::function<std::string(telemetry::Exposition)> metrics;
  std::function<Readiness()> readiness;
  std::function<std::expected<std::string, std::string>()> reload;  // what changed, or mistakes
  std::function<void()> drain;                                      // returns at once
};

class AdminServer {
 public:
  explicit AdminServer(Sources sources) : sources_(std::move(sources)) {}

  AdminResponse answer(const AdminRequest& request) const;

 private:
  AdminResponse get(const AdminRequest& request) const;
  AdminResponse post(const AdminRequest& request) const;
  AdminResponse scrape(const AdminRequest& request) const;
  AdminResponse ready() const;
  Sources sources_;
};

}  // namespace weir::admin
