// Looks for whole lines in the text of a scrape.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace weir::telemetry {

inline testing::AssertionResult has_line(const std::string& text, const std::string& line) {
  if (("\n" + text).find("\n" + line + "\n") != std::string::npos) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << line << " is not in\n" << text;
}

}  // namespace weir::telemetry
