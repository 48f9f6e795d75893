#include "data/example.h"

#include "base/fail.h"

namespace cobra::data {
namespace {

std::string parse_id(const Json& value, const std::string& source) {
  const Json* id = json_find(value, "id");
  if (!id) return {};
  if (id->is_string()) return id->get<std::string>();
  check(id->is_number(), "{}: field 'id' must be a string or a number", source);
  return id->dump();
}

bool parse_from(const Json& turn, const std::string& source) {
  const std::string from = json_text(turn, "from", source);
  check(from == "human" || from == "gpt", "{}: field 'from' must be 'human' or 'gpt', found '{}'", source,
        printable(from));
  return from == "human";
}

std::vector<Turn> parse_turns(const Json& value, const std::string& source) {
  const Json* list = json_find(value, "conversations");
  check(list && list->is_array(), "{}: field 'conversations' must be a list of turns", source);
  check(!list->empty(), "{}: the conversation is empty", source);
  check(list->size() > 1, "{}: the conversation has no answer", source);
  std::vector<Turn> turns;
  for (const Json& item : *list) {
    const std::string where = fmt::format("{}: turn {}", source, turns.size());
    check(item.is_object(), "{} must be an object", where);
    const bool is_human = parse_from(item, where);
    check(is_human == (turns.size() % 2 == 0), "{} must be from '{}': the two sides take turns, human first",
          where, is_human ? "gpt" : "human");
    turns.push_back({is_human, json_text(item, "value", where)});
  }
  return turns;
}

}  // namespace

Example parse_example(const Json& value, const std::string& source) {
  check(value.is_object(), "{}: an example must be an object", source);
  Example example{parse_id(value, source), json_text(value, "image", source, ""), parse_turns(value, source)};
  check(example.has_picture() || !json_find(value, "image"), "{}: field 'image' is empty", source);
  return example;
}

Example parse_example_text(std::string_view text, const std::string& source) {
  return parse_example(parse_json(text, source), source);
}

Json example_json(const Example& example) {
  Json value = Json::object();
  if (!example.id.empty()) value["id"] = example.id;
  if (example.has_picture()) value["image"] = example.picture;
  Json& turns = value["conversations"] = Json::array();
  for (const Turn& turn : example.turns) {
    turns.push_back({{"from", turn.is_human ? "human" : "gpt"}, {"value", turn.text}});
  }
  return value;
}

std::string example_name(int64_t index, const std::string& id) {
  return id.empty() ? fmt::format("example {}", index)
                    : fmt::format("example {} (id '{}')", index, printable(id));
}

}  // namespace cobra::data
