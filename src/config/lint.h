// What is wrong although every single value is right: contradictions and references to nothing.
#pragma once

#include "findings.h"
#include "weir/policy/service.h"

namespace weir::config {

void lint_listeners(const policy::Service& service, Findings& findings);
void lint_interception(const policy::Service& service, Findings& findings);
void lint_tls(const policy::Service& service, Findings& findings);
void lint_authorization(const policy::Service& service, Findings& findings);
void lint_upstreams(const policy::Service& service, Findings& findings);
void lint_routes(const policy::Service& service, Findings& findings);

// As the configuration writes it.
std::string text_of(Duration duration);

}  // namespace weir::config
