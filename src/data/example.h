// One training example: a conversation, perhaps about a picture, in LLaVA's JSON form
//   {"id": "7", "image": "coco/train2017/7.jpg", "conversations": [{"from": "human", "value": "<image>\nWhat
//   is it?"},
//                                                                  {"from": "gpt", "value": "A boat."}]}
// Source: cobra/preprocessing/datasets/datasets.py of the official code, and LLaVA's data files.
#pragma once

#include <string>
#include <vector>

#include "formats/json.h"

namespace cobra::data {

struct Turn {
  bool is_human = false;
  std::string text;  // valid UTF-8
};

struct Example {
  std::string id;       // "" where there is none; a number becomes its text
  std::string picture;  // "" for text only; a name below the picture folder
  std::vector<Turn> turns;

  bool has_picture() const { return !picture.empty(); }
};

/// Throws Error that starts with `source`, names the field, and says what was expected unless:
/// `conversations` is a list with at least one turn of each side, human first and in turn; `from` is "human"
/// or "gpt"; `value` a string; `id`, if any, a string or a number; `image`, if any, a string that is not
/// empty. Other fields are ignored.
Example parse_example(const Json& value, const std::string& source);
/// From JSON text; invalid UTF-8 is an Error too.
Example parse_example_text(std::string_view text, const std::string& source);
/// The JSON form, for writing a dataset. parse_example of it gives the example again.
Json example_json(const Example& example);

/// How errors and lists call it: "example 17 (id '7')".
std::string example_name(int64_t index, const std::string& id);

}  // namespace cobra::data
