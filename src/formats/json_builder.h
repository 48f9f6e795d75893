// Builds a Json value from the parser's events, in time linear in the text, with limits.
// Why not Json::parse: its ordered objects look up every key linearly (quadratic for a vocabulary of 50,000),
// it keeps the last of two equal keys silently, and it has no limit on depth.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "formats/json.h"

namespace cobra {

/// Handler for Json::sax_parse. Throws Error that starts with `source`.
class JsonBuilder {
 public:
  explicit JsonBuilder(const std::string& source) : source_(source) {}
  Json take() { return std::move(root_); }

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(int64_t value) { return add(value); }
  bool number_unsigned(uint64_t value) { return add(value); }
  bool number_float(double value, const std::string&) { return add(value); }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(Json::binary_t&) { return false; }  // never in JSON text
  bool key(std::string& name);
  bool start_object(size_t) { return open(Json::object()); }
  bool end_object();
  bool start_array(size_t) { return open(Json::array()); }
  bool end_array();
  bool parse_error(size_t position, const std::string& last_token, const nlohmann::detail::exception& error);

 private:
  const std::string& source_;
  Json root_;
  std::string key_;
  std::vector<Json*> open_;  // containers not yet closed; stable, as only the innermost one grows

  Json* place(Json value);
  bool open(Json container);
  bool add(Json value);
};

}  // namespace cobra
