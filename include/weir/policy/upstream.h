// A named set of endpoints and how they are called.
//
// Every number here has its default in this file and nowhere else; docs/reference.md is checked
// against it by a test.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/address.h"
#include "weir/base/time.h"
#include "weir/base/units.h"
#include "weir/policy/interception.h"
#include "weir/policy/match.h"
#include "weir/policy/tls.h"

namespace weir::policy {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Endpoint {
  Address address;
  std::string version;  // empty: unversioned
  std::string zone;     // empty: unknown
  double weight = 1.0;  // > 0, relative
  std::map<std::string, std::string> labels;

  bool operator==(const Endpoint&) const = default;
};

// What an attempt may end with that is worth one more try elsewhere.
enum class FailoverOn : std::uint8_t {
  connect_failure,  // refused, unreachable, connect timeout, TLS failure
  refused,          // REFUSED_STREAM, above a GOAWAY's last id
  reset,            // the connection died before a response
  timeout,          // the attempt's own limit, not the budget
  status_502,
  status_503,
  status_504,
  grpc_unavailable
};

struct Failover {
  bool enabled = true;
  std::vector<FailoverOn> on{FailoverOn::connect_failure, FailoverOn::refused,
                             FailoverOn::reset,           FailoverOn::timeout,
                             FailoverOn::status_502,      FailoverOn::status_503,
                             FailoverOn::status_504,      FailoverOn::grpc_unavailable};
  Ratio ratio = percent(10);      // second attempts per first attempts, over 10 s
  double minimum_per_second = 1;  // granted even without traffic; >= 0
  Bytes replay_limit = kibibytes(64);
  bool hedge = false;  // start the second attempt early, at the observed 95th percentile
  std::vector<std::string> idempotent_grpc;  // "/package.Service/Method"

  bool retries(FailoverOn what) const;
};

// Rate-based, per upstream and version.
struct Breaker {
  bool enabled = true;
  Ratio error_rate = percent(50);
  std::uint32_t minimum = 20;  // calls in the window before it may open
  Duration window = seconds{10};
  Duration open_for = seconds{5};
  std::uint32_t probes = 3;  // successes in a row that close it again
};

// Takes one endpoint out.
struct Ejection {
  bool enabled = true;
  std::uint32_t consecutive_failures = 5;
  Ratio error_rate = percent(50);
  std::uint32_t minimum = 10;  // calls in the window before rates count
  Duration window = seconds{10};
  std::optional<Duration> slow_call;  // a call slower than this is slow; none: not judged
  Ratio slow_rate = percent(80);
  Duration base = seconds{1};      // first time out; doubles with each ejection in a row
  Duration maximum = seconds{60};  // of one ejection
  std::uint32_t probes = 2;        // successes that end the probation
  Duration ramp = seconds{3};      // from a small share of traffic to the full one
};

struct Bulkhead {
  std::uint32_t concurrent = 1024;  // exchanges at once, in the whole process
  std::uint32_t queue = 128;        // waiting for one of those
};

enum class Balancing : std::uint8_t { peak_ewma, round_robin, least_requests, consistent_hash };

struct Balance {
  Balancing policy = Balancing::peak_ewma;
  StickyKey hash_on;  // consistent_hash only
  bool prefer_zone = true;
  Duration slow_start = seconds{0};  // for endpoints that are new; 0 is off
};

// What is spoken to the endpoints. `automatic`: HTTP/2 for gRPC, HTTP/1.1 for everything else.
enum class Protocol : std::uint8_t { automatic, http_1_1, http_2 };

// Asks every endpoint by itself whether it is well; none: only by what the calls show. An endpoint
// that says it is not, or does not answer, gets no traffic until it says that it is.
struct HealthCheck {
  enum class Kind : std::uint8_t { http, grpc };
  Kind kind = Kind::http;
  std::string path = "/";          // http: GET, 200..299 is well
  std::string service;             // grpc: of grpc.health.v1.Health/Check; empty: the whole server
  Duration interval = seconds{5};  // jittered
  Duration timeout = seconds{1};
  std::uint32_t unhealthy_after = 2;  // failures in a row
  std::uint32_t healthy_after = 1;    // successes in a row
};

struct Pool {
  std::uint32_t connections = 1024;    // per endpoint and worker, idle and busy
  std::uint32_t streams = 100;         // HTTP/2: at once on one connection
  std::uint32_t idle = 128;            // kept open per endpoint and worker
  Duration idle_timeout = seconds{4};  // below the usual 5 s of application servers; jittered
  std::uint64_t requests = 1'000'000;  // a connection is closed after so many
};

struct Upstream {
  std::string name;
  std::vector<Endpoint> endpoints;  // at least one
  // What else callers address it by, a virtual address of the platform for example: intercepted
  // connections to one of these, or to an endpoint, belong to this upstream.
  std::vector<Address> addresses;
  std::optional<UpstreamTls> tls;  // none: plain text
  Tunnel tunnel;                   // for opaque TCP
  Protocol protocol = Protocol::automatic;
  Duration connect_timeout = milliseconds{100};
  std::optional<HealthCheck> health;
  Failover failover;
  Breaker breaker;
  Ejection ejection;
  Bulkhead bulkhead;
  Balance balance;
  Pool pool;
};

}  // namespace weir::policy
