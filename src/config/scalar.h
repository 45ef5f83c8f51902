// How single values are written, read and printed: one codec per kind of value.
#pragma once

#include <array>
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "node.h"
#include "problems.h"
#include "weir/policy/service.h"

namespace weir::config {

enum class Quoting : std::uint8_t { plain, quoted };

// Works on a value behind a void pointer, so that one table can hold values of every type.
struct Codec {
  std::string (*type)();    // what the reference calls it
  std::string (*schema)();  // JSON Schema of one such value
  std::optional<Complaint> (*read)(std::string_view text, Quoting quoting, void* target);
  std::string (*print)(const void* target);         // as read() takes it; empty: no value
  double (*measure)(const void* target) = nullptr;  // in base units, for Range
  std::string (*print_measure)(double measure) = nullptr;
  void (*clear)(void* target) = nullptr;                               // of an optional
  enum class Form : std::uint8_t { text, literal } form = Form::text;  // literal: not in quotes
};

// Limits in base units: seconds, bytes, shares, counts.
struct Range {
  double least = 0;
  double most = std::numeric_limits<double>::infinity();
  enum class Zero : std::uint8_t { allowed, refused } zero = Zero::allowed;
};
constexpr Range positive{.zero = Range::Zero::refused};

struct Scalar {
  void* target;
  const Codec* codec;
  Range range;
  std::string_view absent;  // the word for an optional without a value; empty: there is none

  // Reads `text` into the target, or says what is wrong and leaves the target alone or at
  // something harmless.
  std::optional<Complaint> read(std::string_view text, Quoting quoting) const;
  // As read() takes it; empty when there is nothing to write.
  std::string print() const;
};

const Codec& codec_of(const Duration&);
const Codec& codec_of(const Bytes&);
const Codec& codec_of(const Ratio&);
const Codec& codec_of(const bool&);
const Codec& codec_of(const double&);
const Codec& codec_of(const std::uint16_t&);
const Codec& codec_of(const std::uint32_t&);
const Codec& codec_of(const std::uint64_t&);
const Codec& codec_of(const std::string&);
const Codec& codec_of(const policy::StickyKey&);
const Codec& codec_of(const http::Method&);
const Codec& codec_of(const policy::FailoverOn&);
const Codec& codec_of(const policy::Balancing&);
const Codec& codec_of(const policy::Protocol&);
const Codec& codec_of(const policy::Forwarding&);
const Codec& codec_of(const policy::LogFormat&);
const Codec& codec_of(const policy::CallerGone&);
const Codec& codec_of(const policy::Correlate&);
const Codec& codec_of(const policy::Interception::Mode&);
const Codec& codec_of(const policy::Interception::Unmatched&);
const Codec& codec_of(const policy::ListenerTls::Mode&);
const Codec& codec_of(const policy::ListenerTls::Client&);
const Codec& codec_of(const policy::Tls::Version&);
const Codec& codec_of(const policy::AuthorizationRule::Effect&);
const Codec& codec_of(const std::optional<Duration>&);
const Codec& codec_of(const std::optional<Bytes>&);
const Codec& codec_of(const std::optional<Ratio>&);
const Codec& codec_of(const std::optional<bool>&);  // written on or off

// Kinds that share a type with others.
const Codec& listen_codec();           // std::optional<Address>, port 0 allowed
const Codec& listen_only_codec();      // Address, port 0 allowed
const Codec& endpoint_codec();         // Address that can be called
const Codec& body_codec();             // std::string of any text
const Codec& grpc_method_codec();      // "/package.Service/Method"
const Codec& health_path_codec();      // policy::HealthCheck, which it makes one over HTTP
const Codec& health_grpc_codec();      // policy::HealthCheck, which it makes one of gRPC
const Codec& host_pattern_codec();     // policy::Pattern
const Codec& path_pattern_codec();     // policy::Pattern
const Codec& value_pattern_codec();    // policy::Pattern
const Codec& caller_codec();           // policy::Pattern over SPIFFE ids; `*` is everybody
const Codec& identity_codec();         // policy::Pattern over SPIFFE ids, without `*` alone
const Codec& trust_domain_codec();     // std::string
const Codec& server_name_codec();      // std::string
const Codec& identity_header_codec();  // std::string, `off` when empty
const Codec& file_codec();             // std::string, a path
const Codec& bundle_codec();           // std::string, a path; `system` when empty
const Codec& chain_codec();            // std::optional<policy::Certificate>, its chain
const Codec& key_codec();              // std::optional<policy::Certificate>, its key
const Codec& tls_directory_codec();    // policy::Tls: certificate and bundle found in a directory
const Codec& upstream_tls_codec();     // std::optional<policy::UpstreamTls>, `on` or `off`

}  // namespace weir::config
