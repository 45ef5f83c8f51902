// Where the access log goes: a file, or the standard output in whatever form it was given to us.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace weir::telemetry {

class LogOutput {
 public:
  // "-" is the standard output. The error is a sentence for the operator.
  static std::expected<LogOutput, std::string> open(const std::string& path);

  LogOutput() = default;
  LogOutput(LogOutput&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), kind_(other.kind_) {}
  LogOutput& operator=(LogOutput&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(kind_, other.kind_);
    return *this;
  }
  ~LogOutput();

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

  // One write that does not block on a pipe, terminal or socket. Only after poll() said POLLOUT.
  enum class Status : std::uint8_t { written, blocked, failed };
  struct Written {
    Status status = Status::failed;
    std::size_t bytes = 0;
  };
  Written write(std::string_view bytes);

 private:
  enum class Kind : std::uint8_t {
    plain,     // never blocks for long, or is non-blocking
    blocking,  // a pipe or terminal shared with others, whose flags are not ours to change
    socket
  };
  LogOutput(int descriptor, Kind kind) : descriptor_(descriptor), kind_(kind) {}
  static std::expected<LogOutput, std::string> open_standard_output();

  int descriptor_ = -1;
  Kind kind_ = Kind::plain;
};

}  // namespace weir::telemetry
