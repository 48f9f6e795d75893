// A conversation on disk: FILE is the session as Session::save writes it, FILE.json the turns:
//     {"cobra_chat": 2, "session_hash": "...", "picture": "...", "turns": [{"user": "...", "answer": "...",
//     "ids": [...]}]}
// The hash ties the two together: a pair from two different saves is refused.
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/fail.h"
#include "base/file.h"
#include "base/hash.h"
#include "cli/conversation.h"
#include "cli/output.h"
#include "formats/json.h"
#include "runtime/session_file.h"
#include "runtime/session_impl.h"

namespace cobra {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kVersion = 2;
constexpr int64_t kMaxJsonBytes = 256 << 20;

std::string json_path(const std::string& path) { return path + ".json"; }

std::vector<int32_t> answer_from_json(const Json& turn, int64_t vocab_size, const std::string& source) {
  const Json* ids = json_find(turn, "ids");
  check(ids && ids->is_array(), "{}: field 'ids' of a turn must be an array", source);
  std::vector<int32_t> answer;
  for (const Json& id : *ids) {
    check(id.is_number_unsigned() && id.get<uint64_t>() < static_cast<uint64_t>(vocab_size),
          "{}: field 'ids' must hold ids from 0 to {}, found {}", source, vocab_size - 1,
          printable(id.dump(), 40));
    answer.push_back(id.get<int32_t>());
  }
  return answer;
}

std::vector<Turn> turns_from_json(const Json& object, int64_t vocab_size, const std::string& source) {
  const Json* list = json_find(object, "turns");
  check(list && list->is_array(), "{}: field 'turns' must be an array", source);
  std::vector<Turn> turns;
  for (const Json& turn : *list) {
    turns.push_back({json_text(turn, "user", source), answer_from_json(turn, vocab_size, source)});
  }
  return turns;
}

/// A slip of the hand must not cost a model or a picture.
void check_free_or_conversation(const std::string& path) {
  const auto is_conversation = [](const std::string& json) {
    try {
      return json_find(read_json(json, kMaxJsonBytes), "cobra_chat") != nullptr;
    } catch (const Error&) {
      return false;
    }
  };
  std::error_code error;
  const bool taken = fs::exists(path, error), json_taken = fs::exists(json_path(path), error);
  check(!taken || is_session_file(path), "{}: exists and is no session: choose another name",
        printable(path, 1000));
  check(!json_taken || is_conversation(json_path(path)),
        "{}: exists and is no conversation: choose another name", printable(json_path(path), 1000));
}

}  // namespace

void Conversation::save(const std::string& path) const {
  check_free_or_conversation(path);
  AtomicFile file(json_path(path)), session(path);
  write_session(session_, session);
  Json object = {
      {"cobra_chat", kVersion}, {"session_hash", hash_of_file(session.prepare())}, {"picture", picture_}};
  Json& turns = object["turns"] = Json::array();
  for (const Turn& turn : turns_) {
    turns.push_back({{"user", turn.user}, {"answer", answer_text(turn)}, {"ids", turn.answer}});
  }
  file.write(json_line(object));
  file.prepare();  // whatever may fail has been done before the first of an older pair is replaced
  session.commit();
  file.commit();
}

void Conversation::load(const std::string& path) {
  Session session = Session::load(*model_, path);
  const std::string source = json_path(path);
  const Json object = read_json(source, kMaxJsonBytes);
  const int64_t version = json_integer(object, "cobra_chat", source);
  check(version == kVersion, "{}: version {} of a conversation, expected {}", source, version, kVersion);
  check(json_text(object, "session_hash", source) == hash_of_file(path),
        "{}: does not belong to the session in {}", source, path);
  std::string picture = json_text(object, "picture", source);
  std::vector<Turn> turns = turns_from_json(object, model_->config().mamba.vocab_size, source);
  session_ = std::move(session);
  picture_ = std::move(picture);
  turns_ = std::move(turns);
  opening_.reset();
}

}  // namespace cobra
