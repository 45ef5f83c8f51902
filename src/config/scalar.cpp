#include "scalar.h"

#include <fmt/format.h>

namespace weir::config {

std::optional<Complaint> Scalar::read(std::string_view text, Quoting quoting) const {
  if (!absent.empty() && text == absent) {
    codec->clear(target);
    return std::nullopt;
  }
  if (auto complaint = codec->read(text, quoting, target)) return complaint;
  if (codec->measure == nullptr) return std::nullopt;
  const double measure = codec->measure(target);
  if (range.zero == Range::Zero::refused && measure <= 0) {
    return Complaint{fmt::format("\"{}\" must be more than zero", text), ""};
  }
  if (measure < range.least) {
    return Complaint{fmt::format("\"{}\" is less than {}", text, codec->print_measure(range.least)),
                     ""};
  }
  if (measure > range.most) {
    return Complaint{fmt::format("\"{}\" is more than {}", text, codec->print_measure(range.most)),
                     ""};
  }
  return std::nullopt;
}

std::string Scalar::print() const {
  std::string text = codec->print(target);
  if (text.empty()) text = absent;
  return text;
}

}  // namespace weir::config
