// Whatever the bytes are, loading ends with a service or with problems, and a service survives
// being written out and read back.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "weir/config/effective.h"
#include "weir/config/load.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::config;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const Environment environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "X") return "a: [1";
    return std::nullopt;
  };
  const auto loaded = load_text(text, "fuzz.yaml", environment);
  if (!loaded) {
    if (loaded.error().empty() || loaded.error().size() > most_problems) std::abort();
    for (const auto& problem : loaded.error()) {
      if (format(problem).empty()) std::abort();
    }
    return 0;
  }
  const std::string effective = effective_yaml(loaded->service);
  const auto again = load_text(effective, "effective.yaml", environment);
  if (effective.size() < 1'000'000 && (!again || effective_yaml(again->service) != effective)) {
    std::abort();
  }
  return 0;
}
