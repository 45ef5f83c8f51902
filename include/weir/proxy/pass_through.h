// Destinations that no policy names: each is an upstream of one endpoint for as long as it is used.
//
// There is no other instance to turn to, so breaker, ejection and failover are off; metrics name
// all of them `passthrough`. At most `most` are known at once per worker; of those that nobody
// uses, the one that was used the longest ago goes first, and with it its idle connections.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "weir/base/address.h"
#include "weir/base/time.h"
#include "weir/proxy/destination.h"
#include "weir/upstream/pool.h"

namespace weir::proxy {

class PassThrough {
 public:
  static constexpr std::string_view name = "passthrough";
  static constexpr std::size_t default_most = 1024;

  struct Traits {
    std::uint64_t seed = 0;
    std::optional<LocalSources> sources{};  // what connections come from
    std::size_t most = default_most;
  };
  PassThrough(upstream::Pools& pools, const Traits& traits) : pools_(pools), traits_(traits) {}

  // The way to `address`, as an exchange follows it: a route without a budget of its own, and the
  // destination. Whoever uses it holds it. Null when `most` are in use.
  std::shared_ptr<const CompiledRoute> to(const Address& address, Instant now);
  // Adds the endpoints whose connections are still wanted.
  void keep(std::unordered_set<std::uint64_t>& endpoint_ids) const;
  std::size_t size() const { return known_.size(); }

 private:
  struct Entry;
  using Order = std::list<std::shared_ptr<Entry>>;  // the most recently used first
  bool make_room();

  upstream::Pools& pools_;
  Traits traits_;
  Order order_;
  std::unordered_map<Address, Order::iterator> known_;
};

}  // namespace weir::proxy
