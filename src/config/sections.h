// The tables of keys, one per struct of the policy, and what they are built with.
#pragma once

#include "shape.h"

namespace weir::config {

Fields describe(policy::Service&);
Fields describe(policy::Identity&);
Fields describe(policy::Admin&);
Fields describe(policy::ListenerBudget&);
Fields describe(policy::Limits&);
Fields describe(policy::Inbound&);
Fields describe(policy::Outbound&);
Fields describe(policy::TcpListener&);
Fields describe(policy::AccessLog&);
Fields describe(policy::Process&);

Fields describe(policy::Tls&);
Fields describe(policy::Certificate&);
Fields describe(policy::ListenerTls&);
Fields describe(policy::UpstreamTls&);
Fields describe(policy::Authorization&);
Fields describe(policy::AuthorizationRule&);
Fields describe(policy::Interception&);
Fields describe(policy::Tunnel&);

Fields describe(policy::Endpoint&);
Fields describe(policy::HealthCheck&);
Fields describe(policy::Failover&);
Fields describe(policy::Breaker&);
Fields describe(policy::Ejection&);
Fields describe(policy::Bulkhead&);
Fields describe(policy::Balance&);
Fields describe(policy::Pool&);
Fields describe(policy::Upstream&);

Fields describe(policy::Match&);
Fields describe(policy::VersionRule&);
Fields describe(policy::Fallback&);
Fields describe(policy::Route&);

template <class T>
Shape scalar(T& target, Range range = {}) {
  return {Scalar{&target, &codec_of(target), range, {}}};
}
template <class T>
Shape scalar(std::optional<T>& target, std::string_view absent, Range range = {}) {
  return {Scalar{&target, &codec_of(target), range, absent}};
}
inline Shape scalar_as(const Codec& codec, void* target) {
  return {Scalar{target, &codec, {}, {}}};
}

template <class T>
Shape section(T& target) {
  return {Section{[&target] { return describe(target); }, [] { return true; }}};
}
template <class T>
Shape section(std::optional<T>& target) {
  return {Section{[&target] {
                    if (!target) target.emplace();
                    return describe(*target);
                  },
                  [&target] { return target.has_value(); }}};
}
// A section that `off` switches off: its struct has `enabled`.
template <class T>
Shape switched(T& target) {
  Shape shape = section(target);
  std::get<Section>(shape.kind).enabled = &target.enabled;
  return shape;
}

// A section that `word` may stand for.
template <class T>
Shape section_or(Scalar word, T& target) {
  Shape shape = section(target);
  std::get<Section>(shape.kind).word = word;
  return shape;
}

// `shape_of` makes the Shape of one item.
template <class T>
Shape list(std::vector<T>& target, Shape (*shape_of)(T&)) {
  return {List{[&target] { target.clear(); },
               [&target, shape_of] { return shape_of(target.emplace_back()); },
               [&target] { return target.size(); },
               [&target, shape_of](std::size_t index) { return shape_of(target[index]); }}};
}
template <class T>
Shape sections(std::vector<T>& target) {
  return list<T>(target, [](T& item) { return section(item); });
}
// A single item may stand without brackets.
inline Shape or_one(Shape shape) {
  std::get<List>(shape.kind).shorthand = List::Short::one;
  return shape;
}
template <class T>
Shape scalars(std::vector<T>& target) {
  return list<T>(target, [](T& item) { return scalar(item); });
}

}  // namespace weir::config
