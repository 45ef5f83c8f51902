// A record of a saved exchange: the example of docs/access-log.md.
#pragma once

#include "weir/telemetry/record.h"

namespace weir::telemetry {

inline Record sample_record() {
  using std::chrono::microseconds;
  using std::chrono::milliseconds;
  Record record;
  record.started = WallTime{std::chrono::seconds{1'792'549'800} + microseconds{123'456}};
  record.elapsed = microseconds{63'480};
  record.first_byte = milliseconds{63};
  record.downstream = Address::v4({127, 0, 0, 1}, 40112);
  record.method_text = "GET";
  record.authority = "catalog";
  record.target = "/v1/items?page=2";
  record.request_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  record.user_agent = "orders/2.3";
  record.route = "catalog-v1";
  record.upstream = "catalog";
  record.version = "v1";
  record.status = 200;
  record.bytes_sent = 1024;
  record.budget = milliseconds{250};
  record.budget_left = microseconds{186'520};
  record.budget_source = resilience::BudgetSource::route;
  record.cause = CauseSource::exact;
  record.attempts[0] = {.endpoint = Address::v4({10, 0, 0, 4}, 8080),
                        .version = "v1",
                        .status = 503,
                        .elapsed = milliseconds{41},
                        .reused_connection = true};
  record.attempts[1] = {.endpoint = Address::v4({10, 0, 0, 9}, 8080),
                        .version = "v1",
                        .status = 200,
                        .elapsed = milliseconds{22}};
  record.attempt_count = 2;
  return record;
}

}  // namespace weir::telemetry
