// Where calls lead: upstreams with their clusters, and the routes that name them.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "weir/base/address.h"
#include "weir/cluster/cluster.h"
#include "weir/net/tls.h"
#include "weir/policy/interception.h"
#include "weir/policy/route.h"
#include "weir/policy/upstream.h"
#include "weir/upstream/approach.h"

namespace weir::proxy {

// Addresses of this machine to connect from, with port 0: rules of interception let pass what comes
// from them.
struct LocalSources {
  Address v4 = policy::home_source(Address::Family::v4);
  Address v6 = policy::home_source(Address::Family::v6);
  const Address& towards(const Address& endpoint) const {
    return endpoint.family() == Address::Family::v4 ? v4 : v6;
  }
};

// Where a route leads.
struct Destination {
  const policy::Upstream* upstream = nullptr;
  std::shared_ptr<cluster::Cluster> cluster{};
  std::shared_ptr<const net::TlsClient> tls{};  // null: plain text
  // What connections come from; none: as the system chooses.
  std::optional<LocalSources> sources{};

  upstream::Ends ends_towards(const Address& endpoint) const {
    return {endpoint, sources ? std::optional{sources->towards(endpoint)} : std::nullopt};
  }
  // `generation`: of the snapshot that this belongs to, which outlives the connecting.
  upstream::Approach approach(const upstream::Ends& ends, std::uint64_t generation) const {
    upstream::Approach approach{*upstream};
    approach.tls = tls;
    approach.generation = generation;
    approach.ends = ends;
    return approach;
  }
};

struct CompiledRoute {
  const policy::Route* route = nullptr;
  Destination to{};
  std::optional<Destination> fallback{};  // Fallback::Kind::upstream
  bool fails_over = false;                // the route's word, else the upstream's
};

// Every upstream by its name and by the addresses that belong to it, for calls that no written
// route takes: with a route that asks for nothing of its own. Where two upstreams claim an address,
// the one that was added first has it.
class UpstreamRoutes {
 public:
  void add(Destination to);
  const CompiledRoute* at(const Address& address) const;
  const CompiledRoute* named(std::string_view name) const;
  // In the order in which they were added.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Entry& entry : entries_) visit(entry.compiled.to);
  }

 private:
  struct Entry {
    policy::Route route;
    CompiledRoute compiled;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::deque<Entry> entries_;  // stay where they are
  std::unordered_map<Address, const CompiledRoute*> by_address_;
  std::unordered_map<std::string, const CompiledRoute*, Hash, std::equal_to<>> by_name_;
};

}  // namespace weir::proxy
