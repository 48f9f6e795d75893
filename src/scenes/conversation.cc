#include "scenes/conversation.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/fail.h"
#include "scenes/questions.h"
#include "scenes/words.h"

namespace cobra::scenes {
namespace {

constexpr size_t kMostQuestions = 3;  // more would tell each other's answers
constexpr size_t kMostStatements = 2;
constexpr size_t kManyStatements = 5;  // where comparing is taught: each is but one bit

// As cobra eval asks (src/eval/messages.h), so that a model is trained and tested with the same prompts.
constexpr std::string_view kShortAnswer = "\nAnswer the question using a single word or phrase.";

std::string true_or_false(std::string_view statement) {
  return fmt::format(
      "Based on the image, is this statement \"True\" or \"False\"? {}\nRespond with \"True\" or \"False\" "
      "directly.",
      statement);
}

constexpr std::array<std::string_view, 4> kCaptionRequests = {
    "Describe the image.", "Describe the image specifically.", "What is in the picture?", "What do you see?"};

constexpr std::array<std::string_view, 2> kPlaceRequests = {"Where are the objects?", "What is where?"};

/// Questions and answers as turns; the first question has the picture, and `request` behind it.
class Turns {
 public:
  explicit Turns(std::string_view request) : request_(request) {}
  void add(std::string_view question, std::string_view answer) {
    const bool first = turns_.empty();
    turns_.push_back(
        {true, first ? fmt::format("<image>\n{}{}", question, request_) : std::string(question)});
    turns_.push_back({false, std::string(answer)});
  }
  std::vector<data::Turn> take() { return std::move(turns_); }

 private:
  std::string_view request_;
  std::vector<data::Turn> turns_;
};

/// Each answer by its own chance, or the second would follow from the first.
void add_presence(const Scene& scene, size_t count, SplitMix& random, std::vector<Exchange>& exchanges) {
  for (; count > 0; --count) {
    const auto absent = static_cast<Absent>(random.below(3));
    const Presence one = presence(scene, absent, random).front();
    exchanges.push_back({"presence", one.question, one.truth ? "Yes" : "No",
                         one.truth ? fmt::format("Yes, there is {}.", with_article(one.object))
                                   : fmt::format("No, there is no {}.", one.object)});
  }
}

/// Open questions and questions for presence, as a sentence each or as a word.
std::vector<Exchange> questions(const Scene& scene, SplitMix& random) {
  std::vector<Exchange> exchanges = open_questions(scene, random);
  add_presence(scene, 4, random, exchanges);
  random.shuffle(exchanges);
  exchanges.resize(std::min(exchanges.size(), kMostQuestions));
  return exchanges;
}

std::vector<data::Turn> answered(std::string_view request, const std::vector<Exchange>& exchanges) {
  Turns turns(request);
  for (const Exchange& one : exchanges) turns.add(one.question, one.answer);
  return turns.take();
}

std::vector<data::Turn> short_answers(const Scene& scene, SplitMix& random) {
  return answered(kShortAnswer, questions(scene, random));
}

std::vector<data::Turn> sentences(const Scene& scene, SplitMix& random) {
  Turns turns("");
  for (const Exchange& one : questions(scene, random)) turns.add(one.question, one.sentence);
  return turns.take();
}

Turns request_caption(const Scene& scene, SplitMix& random) {
  Turns turns("");
  turns.add(random.pick<std::string_view>(kCaptionRequests), caption(scene));
  return turns;
}

std::vector<data::Turn> described(const Scene& scene, SplitMix& random) {
  Turns turns = request_caption(scene, random);
  std::vector<Exchange> more = questions(scene, random);
  more.resize(std::min<size_t>(more.size(), 2));
  for (const Exchange& one : more) turns.add(one.question, one.sentence);
  return turns.take();
}

std::vector<data::Turn> judged(const Scene& scene, size_t most, SplitMix& random) {
  Turns turns("");
  bool first = true;
  for (const Statement& one : statements(scene, most, random)) {
    turns.add(first ? true_or_false(one.caption) : one.caption, one.truth ? "True" : "False");
    first = false;
  }
  return turns.take();
}

std::vector<data::Turn> some_presence(const Scene& scene, SplitMix& random) {
  std::vector<Exchange> exchanges;
  add_presence(scene, kMostQuestions, random, exchanges);
  return answered(kShortAnswer, exchanges);
}

/// Many, for each answer is but one bit; none twice.
std::vector<data::Turn> judged_presence(const Scene& scene, SplitMix& random) {
  constexpr size_t kTries = 6;
  std::vector<Exchange> all, different;
  add_presence(scene, kTries, random, all);
  for (const Exchange& one : all) {
    const auto same = [&](const Exchange& other) { return other.sentence == one.sentence; };
    if (std::none_of(different.begin(), different.end(), same)) different.push_back(one);
  }
  return answered(kShortAnswer, different);
}

std::vector<data::Turn> described_each(const Scene& scene, SplitMix& random) {
  const std::string text = properties(scene, random);
  if (text.empty()) return {};
  return answered("", {{"properties", "Describe each object.", text, {}}});
}

/// How often each kind of look-up is asked; what is left tells all properties of all objects.
struct LookupShares {
  double directions, statements, presence, properties;
};

std::vector<data::Turn> looked_up(const Scene& scene, const LookupShares& shares, SplitMix& random) {
  const double kind = random.uniform(0, 1);
  const double statements = shares.directions + shares.statements, presence = statements + shares.presence;
  std::vector<data::Turn> turns;
  if (kind < shares.directions)
    turns = answered("", direction_questions(scene, random));
  else if (kind < statements)
    turns = judged(scene, kMostStatements, random);
  else if (kind < presence)
    turns = some_presence(scene, random);
  else if (kind < presence + shares.properties)
    turns = answered(kShortAnswer, property_questions(scene, random));
  else
    turns = described_each(scene, random);
  return turns.empty() ? placed(scene, random) : turns;  // nothing to compare, or no name without doubt
}

}  // namespace

std::vector<data::Turn> conversation(const Scene& scene, SplitMix& random) {
  const double kind = random.uniform(0, 1);
  if (kind < 0.25) {
    if (std::vector<data::Turn> turns = judged(scene, kMostStatements, random); !turns.empty()) return turns;
  }
  if (kind < 0.6) return short_answers(scene, random);
  if (kind < 0.9) {
    return looked_up(scene, {.directions = 0.25, .statements = 0, .presence = 0.1, .properties = 0.25},
                     random);
  }
  return kind < 0.95 ? sentences(scene, random) : described(scene, random);
}

std::vector<data::Turn> captioned(const Scene& scene, SplitMix& random) {
  return request_caption(scene, random).take();
}

std::vector<data::Turn> placed(const Scene& scene, SplitMix& random) {
  Turns turns("");
  turns.add(random.pick<std::string_view>(kPlaceRequests), places(scene));
  return turns.take();
}

std::vector<data::Turn> looked_up(const Scene& scene, SplitMix& random) {
  // Told of each object by its name, five properties must be found for one name: much more to learn from
  // than a question's one answer.
  return looked_up(scene, {.directions = 0.03, .statements = 0.03, .presence = 0.04, .properties = 0.2},
                   random);
}

std::vector<data::Turn> compared(const Scene& scene, SplitMix& random) {
  const double kind = random.uniform(0, 1);
  if (kind < 0.3) return judged_presence(scene, random);
  std::vector<data::Turn> turns =
      kind < 0.5 ? answered("", direction_questions(scene, random)) : judged(scene, kManyStatements, random);
  return turns.empty() ? judged_presence(scene, random) : turns;
}

std::vector<data::Turn> conversation(const Illusion& illusion, SplitMix& random) {
  const bool sentence = random.chance(0.25);
  const Exchange exchange = question_about(illusion, random);
  Turns turns(sentence ? "" : kShortAnswer);
  turns.add(exchange.question, sentence ? exchange.sentence : exchange.answer);
  return turns.take();
}

}  // namespace cobra::scenes
