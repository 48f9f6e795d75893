// What several tests of this room share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "data/example.h"
#include "tokenizer/tokenizer_test_data.h"

namespace cobra::testing {

/// One example as JSON text; `picture` "" for text only.
inline std::string example_text(const std::string& id, const std::string& question, const std::string& answer,
                                const std::string& picture = "") {
  return data::example_json({id, picture, {{true, question}, {false, answer}}}).dump();
}

}  // namespace cobra::testing
