// Strokes of a pen: how they are painted, and the three samples, drawn by their points.

export const SIDE = 560; // of the drawing, in its own units

/** Paints strokes, each `{ width, points: [[x, y], ...] }`, in the context's current transform. */
export function paint(context, strokes, colour) {
  Object.assign(context, { strokeStyle: colour, fillStyle: colour, lineCap: "round", lineJoin: "round" });
  for (const { width, points } of strokes) {
    context.lineWidth = width;
    context.beginPath();
    const [[x, y]] = points;
    if (points.length === 1) {
      context.arc(x, y, width / 2, 0, 2 * Math.PI);
      context.fill();
      continue;
    }
    context.moveTo(x, y);
    // Through the middles of what was measured, with the points themselves as handles.
    for (let i = 1; i < points.length - 1; i += 1) {
      const [[a, b], [c, d]] = [points[i], points[i + 1]];
      context.quadraticCurveTo(a, b, (a + c) / 2, (b + d) / 2);
    }
    context.lineTo(...points.at(-1));
    context.stroke();
  }
}

const pen = (...points) => ({ width: 36, points });

export const SAMPLES = [
  {
    name: "a three",
    strokes: [pen([180, 150], [225, 108], [290, 96], [345, 120], [358, 175], [325, 230], [258, 262], [325, 275], [372, 325], [365, 400], [310, 450], [235, 455], [175, 420])],
  },
  {
    name: "a five",
    strokes: [pen([370, 110], [290, 112], [222, 114], [214, 180], [206, 255], [260, 236], [325, 248], [366, 300], [362, 370], [316, 432], [240, 446], [182, 420])],
  },
  {
    name: "two digits",
    strokes: [pen([130, 160], [128, 250], [124, 340], [122, 420]), pen([270, 170], [340, 150], [410, 175], [405, 235], [350, 310], [285, 395], [270, 415], [350, 415], [425, 410])],
  },
];
