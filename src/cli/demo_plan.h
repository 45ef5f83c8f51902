// What the demo consists of, as values: names, addresses, the sidecars' files, and the words with
// which an instance is made to fail.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/address.h"
#include "weir/base/time.h"

namespace weir::cli {

struct InstancePlan {
  std::string name;  // "catalog-2"
  std::string service;
  Address address;
  std::optional<Address> through;  // the sidecar that carries its calls; none at the leaf
  std::string calls;               // the service that it calls through it
};

// A weir on the way out of `beside`, in front of the instances of `upstream`.
struct SidecarPlan {
  std::string beside;
  std::string upstream;
  Address outbound;
  Address admin;
  Duration budget{};
};

struct MeshPlan {
  Address control;
  std::vector<SidecarPlan> sidecars;  // the users' first
  std::vector<InstancePlan> instances;

  // Every address that somebody listens on.
  std::vector<Address> addresses() const;
};

// The mesh on loopback with `base` as its control port and the others close above it.
MeshPlan plan_mesh(std::uint16_t base);
inline constexpr std::uint16_t ports_of_mesh = 50;

// The configuration of a sidecar, as it is written into `directory` for `weir run`.
std::string sidecar_yaml(const MeshPlan& plan, const SidecarPlan& sidecar,
                         const std::filesystem::path& directory);

// What can be done to an instance.
enum class Verb : std::uint8_t { kill, hang, slow, break_, restore };
// "kill", "hang", "slow", "break", "restore"; also "restart".
std::optional<Verb> parse_verb(std::string_view word);
std::string_view name_of(Verb verb);
inline constexpr std::array all_verbs{Verb::kill, Verb::hang, Verb::slow, Verb::break_,
                                      Verb::restore};

// One line of a script: "at 2s kill catalog-1".
struct Step {
  Duration at{};  // since the traffic began
  Verb verb{};
  std::string instance;
  bool operator==(const Step&) const = default;
};

// "500ms", "8s", "1.5s", "2m".
std::optional<Duration> parse_duration(std::string_view text);
// Steps separated by semicolons; the error is a sentence for people.
std::expected<std::vector<Step>, std::string> parse_script(std::string_view text);

}  // namespace weir::cli
