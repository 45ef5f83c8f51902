// Whose code is running: the proxy's or the world's around it. The allocation test counts only
// what the proxy does.
#pragma once

#include <cstdint>
#include <utility>

namespace weir::sim {

enum class Whose : std::uint8_t { world, proxy };

inline thread_local Whose running = Whose::world;

class Scope {
 public:
  explicit Scope(Whose whose) : before_(std::exchange(running, whose)) {}
  ~Scope() { running = before_; }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Whose before_;
};

}  // namespace weir::sim
