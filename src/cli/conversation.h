// A conversation about at most one picture: the session, the turns, and both on disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cobra/generate.h"
#include "cobra/image_cache.h"

namespace cobra {

struct Turn {
  std::string user;
  std::vector<int32_t> answer;  // ids as generated
};

/// The session reads every token once. An answer stays open after it: `continue_answer` goes on with it, and
/// what the prompt template puts behind an answer is read together with the next question.
class Conversation {
 public:
  /// The model must have a tokenizer (Error otherwise) and outlive this. `options.on_text` gets the answers'
  /// text.
  Conversation(const Model& model, GenerateOptions options, ImageCacheOptions cache);

  /// Forgets the turns and keeps the picture.
  void reset();
  /// Starts anew with a picture: patches come first in the model's context.
  void show_picture(const std::string& path);
  /// Throws Error for a message of more than 2048 tokens (a cut one would lose its template); the
  /// conversation is then as before.
  GenerateResult ask(const std::string& message);
  /// More of the last answer, which ended by a limit or by Ctrl-C. Throws Error when there is none or it is
  /// complete.
  GenerateResult continue_answer();

  /// Two files: `path` has the session's state, `path`.json the turns and the picture's path. Throws Error
  /// when either exists and is something else.
  void save(const std::string& path) const;
  /// Throws Error, and leaves the conversation as it was, for another model's or damaged files.
  void load(const std::string& path);

  const std::vector<Turn>& turns() const { return turns_; }
  const std::string& picture() const { return picture_; }
  /// The official decoding of a turn's answer.
  std::string answer_text(const Turn& turn) const;

 private:
  const Model* model_;
  GenerateOptions options_;
  ImageCache cache_;
  std::string picture_;             // path; empty: none
  std::optional<Session> opening_;  // has read the picture and nothing else; empty after load
  Session session_;
  std::vector<Turn> turns_;

  bool answer_is_complete() const;
  /// What the template adds for `message` behind the turns so far, as ids.
  std::vector<int32_t> encode_turn(const std::string& message) const;
  GenerateResult generate_answer(const std::vector<int32_t>& ids);
  bool stands_at(int64_t position) const;
};

}  // namespace cobra
