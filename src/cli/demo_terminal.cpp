#include "cli/demo_terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace weir::cli {
namespace {

// The alternate screen keeps what was on the terminal; lines must not wrap.
constexpr std::string_view enter = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr std::string_view leave = "\x1b[?7h\x1b[?25h\x1b[?1049l";

void write_all(std::string_view text) {
  while (!text.empty()) {
    const auto count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

bool speaks_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto value = environment(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != value.npos || value.find("utf8") != value.npos;
  }
  return false;
}

}  // namespace

bool Terminal::available() {
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 &&
         environment("TERM") != "dumb";
}

Terminal::Terminal(net::Loop& loop, std::function<void(std::string)> pressed)
    : loop_(loop),
      pressed_(std::move(pressed)),
      keys_(::open("/dev/tty", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
  ::tcgetattr(STDIN_FILENO, &before_);
  termios keys = before_;
  keys.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));  // Ctrl-C stays a signal
  keys.c_iflag &= static_cast<tcflag_t>(~IXON);
  keys.c_cc[VSUSP] = _POSIX_VDISABLE;  // stopped, it would leave its mesh running
  ::tcsetattr(STDIN_FILENO, TCSANOW, &keys);
  static_cast<void>(loop_.watch(keys_.number(), net::Interest::level_read, *this));
  write_all(enter);
}

Terminal::~Terminal() {
  loop_.forget(*this);
  keys_.close();
  write_all(leave);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
}

Look Terminal::look() const {
  Look look;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
    look.columns = size.ws_col;
    look.rows = size.ws_row;
  }
  if (!environment("NO_COLOR").empty()) look.colour = Look::Colour::none;
  if (!speaks_utf8()) look.glyphs = Look::Glyphs::ascii;
  return look;
}

void Terminal::show(const std::vector<std::string>& lines) {
  std::string frame = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) frame += "\r\n";
    frame += lines[i];
    frame += "\x1b[K";
  }
  frame += "\x1b[J";
  write_all(frame);
}

void Terminal::on_ready(net::Readiness /*readiness*/) {
  std::array<char, 64> bytes{};
  const auto count = ::read(keys_.number(), bytes.data(), bytes.size());
  std::string_view typed{bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
  if (typed.empty()) {
    keys_.close();
    pressed_({});
  }
  while (!typed.empty()) {
    const std::size_t length =
        typed.starts_with("\x1b[") ? std::min<std::size_t>(3, typed.size()) : 1;
    pressed_(std::string{typed.substr(0, length)});
    typed.remove_prefix(length);
  }
}

}  // namespace weir::cli
