// Questions about a scene, with the answers that follow from it.
#pragma once

#include <string>
#include <vector>

#include "scenes/illusion.h"
#include "scenes/scene.h"

namespace cobra::scenes {

/// A question with one right answer.
struct Exchange {
  std::string type;      // "colour", "count", ...: a scorer's breakdown
  std::string question;  // "What colour is the star?"
  std::string answer;    // "red"
  std::string sentence;  // "The star is red."
};

/// A statement about two objects, or its denial.
struct Statement {
  std::string caption;  // "The red star is left of the blue circle."
  std::string subject, object, relation;
  bool truth;
};

/// A question for an object that is there or not.
enum class Absent { random, popular, adversarial };  // how the absent object was chosen: POPE's splits
struct Presence {
  std::string object;  // "red star"
  std::string question;
  bool truth;
};

/// Every kind of open question that has one answer in this scene, once each, shuffled.
std::vector<Exchange> open_questions(const Scene& scene, SplitMix& random);
/// At most `count` different statements about pairs of objects, true or false with equal chance. None when
/// the scene has one object only.
std::vector<Statement> statements(const Scene& scene, size_t count, SplitMix& random);
/// One object that is there, and one that is not. random: any absent combination; popular: an absent
/// combination of a shape that is there; adversarial: colour and shape are there, but not on one object,
/// where there are two such objects.
std::vector<Presence> presence(const Scene& scene, Absent absent, SplitMix& random);
/// A property (place by row and column, shape, colour, texture, size) of each object that can be named
/// without doubt, shuffled; all are named by their colour, or by their shape, or by both. Without sentences.
std::vector<Exchange> property_questions(const Scene& scene, SplitMix& random);
/// All properties of each such object, in any order: "The red object: a star, plain, small, row 1, column 2."
std::string properties(const Scene& scene, SplitMix& random);
/// Where one of them is, seen from another ("left of it, above it"); once for each two, in either order.
std::vector<Exchange> direction_questions(const Scene& scene, SplitMix& random);
/// All objects by rows and columns, as read.
std::string places(const Scene& scene);
/// All objects from left to right, and how the first pair stands.
std::string caption(const Scene& scene);
/// "Which line is longer, the red one or the blue one, or are they equal?"
Exchange question_about(const Illusion& illusion, SplitMix& random);

}  // namespace cobra::scenes
