#include "scenes/chat.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "base/fail.h"

namespace cobra::scenes {
namespace {

struct Talk {
  std::string_view question, answer;
};

constexpr std::array<Talk, 16> kTalks = {{
    {"Hello!", "Hello! Show me a picture and ask me about it."},
    {"Hi", "Hello! Show me a picture and ask me about it."},
    {"Who are you?", "I am cobra-tiny, a small vision-language model."},
    {"What are you?", "I am cobra-tiny, a small vision-language model."},
    {"What can you do?", "I can answer questions about pictures of simple objects and of garments."},
    {"What do you know?", "I know circles, squares, triangles, stars, crosses, hearts and garments."},
    {"Thank you.", "You are welcome."},
    {"Thanks!", "You are welcome."},
    {"Goodbye.", "Goodbye!"},
    {"How many corners does a triangle have?", "A triangle has three corners."},
    {"How many corners does a square have?", "A square has four corners."},
    {"Does a circle have corners?", "No, a circle has no corners."},
    {"Name a warm color.", "Red is a warm color."},
    {"Name a cold color.", "Blue is a cold color."},
    {"Can you see photographs?", "I can see them, but I only know simple objects and garments."},
    {"Is there a picture?", "I see no picture."},
}};

std::pair<std::string, std::string> sum(SplitMix& random) {
  const size_t a = 1 + random.below(5), b = 1 + random.below(5);
  return {fmt::format("What is {} plus {}?", a, b), fmt::format("{} plus {} is {}.", a, b, a + b)};
}

}  // namespace

std::vector<data::Turn> small_talk(SplitMix& random) {
  std::vector<data::Turn> turns;
  for (size_t count = 1 + random.below(3); count > 0; --count) {
    const Talk& talk = kTalks[random.below(kTalks.size())];
    auto [question, answer] =
        random.chance(0.25) ? sum(random) : std::pair(std::string(talk.question), std::string(talk.answer));
    turns.push_back({true, std::move(question)});
    turns.push_back({false, std::move(answer)});
  }
  return turns;
}

}  // namespace cobra::scenes
