/** A swarm in virtual time. */
export {
  type NodeOptions,
  type SimulatedNode,
  Simulation,
  type SimulationOptions,
} from './simulation.ts'
