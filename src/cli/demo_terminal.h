// The terminal as a screen with keys, in plain ANSI; as it was before when this is destroyed.
#pragma once

#include <termios.h>

#include <functional>
#include <string>
#include <vector>

#include "cli/demo_view.h"
#include "weir/net/loop.h"

namespace weir::cli {

class Terminal final : private net::Watcher {
 public:
  // Standard input and output are a terminal, and it is not a dumb one.
  static bool available();

  // `pressed` is called from the loop's top level with what a key sends: a letter, or "\x1b[A" for
  // the arrow up. An empty text: the terminal has gone.
  Terminal(net::Loop& loop, std::function<void(std::string)> pressed);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Its present size, and what the environment says of colours and characters.
  Look look() const;
  void show(const std::vector<std::string>& lines);

 private:
  void on_ready(net::Readiness readiness) override;

  net::Loop& loop_;
  std::function<void(std::string)> pressed_;
  net::Descriptor keys_;  // an opening of its own, so that closing it ends the watch
  termios before_{};
};

}  // namespace weir::cli
