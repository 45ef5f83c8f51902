#include "weir/interception/plan.h"

#include <fmt/format.h>

#include <charconv>

namespace weir::interception {
namespace {

using Mode = policy::Interception::Mode;

std::optional<Address> host(std::string_view text) {
  if (auto v4 = Address::parse(fmt::format("{}:0", text)); v4 && text != "localhost") return v4;
  return Address::parse(fmt::format("[{}]:0", text));
}

}  // namespace

std::optional<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = host(text.substr(0, slash));
  if (!address) return std::nullopt;
  const bool v4 = address->family() == Address::Family::v4;
  const unsigned widest = v4 ? 32 : 128;
  unsigned prefix = widest;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    const bool whole = error == std::errc{} && end == digits.data() + digits.size();
    if (!whole || prefix > widest) return std::nullopt;
  }
  auto bytes = address->host_bytes();
  for (unsigned bit = prefix; bit < widest; ++bit) {
    bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
  }
  const Address base =
      v4 ? Address::v4({bytes[0], bytes[1], bytes[2], bytes[3]}, 0) : Address::v6(bytes, 0);
  return Network{base, prefix};
}

std::string Network::text() const { return fmt::format("{}/{}", base.host(), prefix); }

std::expected<Plan, std::string> plan_for(const policy::Service& service) {
  Plan plan;
  if (service.inbound && service.inbound->intercept.mode != Mode::off) {
    plan.inbound = {service.inbound->intercept.mode, service.inbound->listen.port()};
  }
  if (service.outbound && service.outbound->intercept.mode != Mode::off) {
    plan.outbound = service.outbound->listen.port();
  }
  if (!plan.inbound && !plan.outbound) {
    return std::unexpected(
        "nothing is to be intercepted: write inbound.intercept: redirect, or "
        "outbound.intercept: redirect");
  }
  const auto& admin = service.admin.listen;
  if (admin && admin->port() != 0) plan.excluded_inbound.push_back(admin->port());
  return plan;
}

}  // namespace weir::interception
