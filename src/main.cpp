#include "weir/cli/commands.h"

int main(int argc, char** argv) {
  return weir::cli::dispatch(argc, argv, std::chrono::steady_clock::now());
}
